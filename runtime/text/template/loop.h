// `loop` inside of a for: where the iteration stands, one element ahead where a template asks for it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/text/template/objects.h"

namespace linnet::templates {

class Loop final : public Object {
 public:
  // Renders the loop's body over another list: `loop(children)` of recursive loops.
  using Recurse = std::function<Result<Value>(const Value& iterable, std::size_t depth)>;

  // `source` iterates over `iterable`, which knows its length if any; `recurse` is empty for ordinary loops.
  Loop(Iterator* source, Value iterable, std::size_t depth, Recurse recurse)
      : source_(source), iterable_(std::move(iterable)), depth_(depth), recurse_(std::move(recurse)) {}

  // The next element, or nothing at the end.
  [[nodiscard]] Result<std::optional<Value>> advance(Interpreter& interpreter);

  [[nodiscard]] const char* type_name() const override { return "LoopContext"; }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] Result<Value> call(Interpreter& interpreter, const Arguments& arguments) override;
  [[nodiscard]] Result<std::optional<Value>> attribute(Interpreter& interpreter, std::string_view name) override;

  // loop.cycle(…) and loop.changed(…).
  [[nodiscard]] Result<Value> cycle(const Arguments& arguments) const;
  [[nodiscard]] Result<Value> changed(Interpreter& interpreter, const Arguments& arguments);

 private:
  [[nodiscard]] Result<const Value*> peek(Interpreter& interpreter);  // Null at the end.
  [[nodiscard]] Result<std::int64_t> count(Interpreter& interpreter);
  [[nodiscard]] Result<std::optional<Value>> neighbour(Interpreter& interpreter, std::string_view name);

  Iterator* source_;
  Value iterable_;
  std::size_t depth_;
  Recurse recurse_;
  std::int64_t index_ = -1;
  std::optional<Value> ahead_;
  std::optional<Value> current_;
  std::optional<Value> before_;
  std::optional<std::int64_t> length_;
  std::optional<Value> last_changed_;
};

}  // namespace linnet::templates
