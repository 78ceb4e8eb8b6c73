// What one render may use: its counters against the limits, the values it makes, the objects it owns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/limits.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

// A number of a template as a size: 0 for negative ones, the largest for those that this machine's sizes do not reach.
inline std::size_t as_size(std::uint64_t number) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(number, std::numeric_limits<std::size_t>::max()));
}
inline std::size_t as_size(std::int64_t number) { return number < 0 ? 0 : as_size(static_cast<std::uint64_t>(number)); }

// Bytes alive against a bound.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

// Every value and object of a render is made here, so that no template can take more than its limits. Owns the
// objects; values that share its budget must die before it.
class Workspace {
 public:
  explicit Workspace(const Limits& limits) : limits_(limits), budget_(limits.memory_bytes) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  [[nodiscard]] const Limits& limits() const { return limits_; }

  // Counts work; kUnsupported beyond the limit.
  [[nodiscard]] Result<void> spend(std::uint64_t steps);
  [[nodiscard]] Result<void> spend_bytes(std::size_t bytes) { return spend(bytes / 64); }

  // Searching `text` for `part`, whose worst case is their product.
  [[nodiscard]] Result<void> spend_search(std::string_view text, std::string_view part) {
    return spend((text.size() / 64 + 1) * (part.size() / 64 + 1));
  }

  // Whether a string or list of this size may be made: asked before the memory is taken.
  [[nodiscard]] Result<void> room_for_string(std::size_t bytes) const;
  [[nodiscard]] Result<void> room_for_elements(std::size_t count) const;

  [[nodiscard]] Result<Value> string(std::string text, bool markup = false);
  [[nodiscard]] Result<Value> list(std::vector<Value> items);
  [[nodiscard]] Result<Value> tuple(std::vector<Value> items);
  [[nodiscard]] Result<Value> dict(Dict dict);

  // An object that lives until the render ends.
  template <class T, class... Arguments>
  [[nodiscard]] Result<T*> make(Arguments&&... arguments) {
    if (!budget_.take(sizeof(T) + kObjectOverhead)) return memory_exhausted();
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* borrowed = object.get();
    objects_.push_back(std::move(object));
    return borrowed;
  }

  template <class T, class... Arguments>
  [[nodiscard]] Result<Value> object(Arguments&&... arguments) {
    LINNET_TRY(T * made, make<T>(std::forward<Arguments>(arguments)...));
    return object_value(made);
  }

  [[nodiscard]] static Value object_value(Object* object) { return Value(Value::Storage(object)); }

  // Counts evaluations inside evaluations; leave() after every successful enter().
  [[nodiscard]] Result<void> enter();
  void leave() { --depth_; }

 private:
  static constexpr std::size_t kObjectOverhead = 64;  // Heap blocks' headers and the pointer to the object.

  [[nodiscard]] tl::unexpected<Error> memory_exhausted() const;
  [[nodiscard]] Result<Charge> charge(std::size_t bytes);
  [[nodiscard]] Result<void> room_for_shape(const Shape& shape) const;
  [[nodiscard]] Result<std::shared_ptr<const SequenceData>> sequence(std::vector<Value> items);

  const Limits& limits_;
  Budget budget_;  // Before the objects: they hold values that give bytes back to it.
  std::vector<std::unique_ptr<Object>> objects_;
  std::uint64_t steps_ = 0;
  std::size_t depth_ = 0;
};

// Leaves the workspace's depth when the scope ends.
class DepthGuard {
 public:
  explicit DepthGuard(Workspace& workspace) : workspace_(workspace) {}
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  ~DepthGuard() { workspace_.leave(); }

 private:
  Workspace& workspace_;
};

}  // namespace linnet::templates
