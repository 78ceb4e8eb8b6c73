// What expressions, filters and methods share while a template renders: lookups, calls, iteration.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/civil_time.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

// One render. Not thread-safe; several may run at once.
class Interpreter {
 public:
  Interpreter(const Limits& limits, std::optional<CivilTime> now) : workspace_(limits), now_(now) {}

  [[nodiscard]] Workspace& workspace() { return workspace_; }
  [[nodiscard]] const CivilTime& now();

  // `object.name` and `object[key]` as the sandbox resolves them: undefined where there is none. `name` is a string.
  [[nodiscard]] Result<Value> attribute(const Value& object, const Value& name);
  [[nodiscard]] Result<Value> item(const Value& object, const Value& key);

  [[nodiscard]] Result<Value> call(const Value& callee, const Arguments& arguments);

  // An iterator over `value`; kMalformed with Python's words where it has none.
  [[nodiscard]] Result<Iterator*> iterate(const Value& value);

  // list(value).
  [[nodiscard]] Result<std::vector<Value>> elements(const Value& value);

  [[nodiscard]] Result<Value> apply_filter(std::string_view name, const Value& subject, const Arguments& arguments);
  [[nodiscard]] Result<bool> apply_test(std::string_view name, const Value& subject, const Arguments& arguments);

 private:
  Workspace workspace_;
  std::optional<CivilTime> now_;
};

// Python's bool(value).
[[nodiscard]] bool truth_of(const Value& value);

// len(value), or nothing where Python has no len.
[[nodiscard]] std::optional<std::size_t> length_of(const Value& value);

// Whether iterate() would work.
[[nodiscard]] bool is_iterable(const Value& value);

// A TypeError or ValueError in Python's words.
[[nodiscard]] inline tl::unexpected<Error> python_error(std::string message) {
  return fail(ErrorKind::kMalformed, std::move(message));
}

// What any operation on an undefined value is.
[[nodiscard]] inline tl::unexpected<Error> undefined_error(const Value& value) {
  return python_error(value.undefined_message());
}

// Arguments by parameter, as a Python signature takes them.
class Bound {
 public:
  explicit Bound(std::size_t count) : values_(count) {}

  [[nodiscard]] bool has(std::size_t index) const { return values_[index].has_value(); }
  [[nodiscard]] const Value& operator[](std::size_t index) const { return *values_[index]; }
  [[nodiscard]] bool flag(std::size_t index) const { return has(index) && truth_of(*values_[index]); }

  // A string argument, an integer one, or the default; kMalformed for another type. None counts as absent.
  [[nodiscard]] Result<std::string_view> text(std::size_t index, std::string_view otherwise) const;
  [[nodiscard]] Result<std::int64_t> integer(std::size_t index, std::int64_t otherwise) const;
  [[nodiscard]] bool has_value(std::size_t index) const { return has(index) && !values_[index]->is(Kind::kNone); }

 private:
  friend Result<Bound> bind(std::string_view, const Arguments&, std::initializer_list<std::string_view>, std::size_t);
  std::vector<std::optional<Value>> values_;
};

// Errors: kMalformed for too many, unknown, doubled or (of the first `required`) missing arguments.
[[nodiscard]] Result<Bound> bind(std::string_view callee, const Arguments& arguments,
                                 std::initializer_list<std::string_view> parameters, std::size_t required = 0);

}  // namespace linnet::templates
