// Values that live only while a template renders: anything with behaviour or state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;
class Iterator;
class Workspace;

// What a call passes.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Owned by the render's Workspace; a Value borrows it. Defaults are those of a Python object without special methods.
class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  [[nodiscard]] virtual const char* type_name() const = 0;  // As Python names the class.
  [[nodiscard]] virtual bool hashable() const { return true; }
  [[nodiscard]] virtual bool truthy() const { return length().value_or(1) != 0; }
  [[nodiscard]] virtual bool equals(const Object& other) const { return this == &other; }
  [[nodiscard]] virtual std::optional<std::size_t> length() const { return std::nullopt; }
  [[nodiscard]] virtual bool callable() const { return false; }
  [[nodiscard]] virtual bool iterable() const { return false; }
  [[nodiscard]] virtual bool subscriptable() const { return false; }

  // Each is kMalformed with Python's words where the object has no such behaviour.
  [[nodiscard]] virtual Result<Value> call(Interpreter& interpreter, const Arguments& arguments);
  [[nodiscard]] virtual Result<Iterator*> iterate(Interpreter& interpreter);
  [[nodiscard]] virtual Result<void> append_repr(Workspace& workspace, std::string& text) const;

  // Nothing where there is no such attribute or element.
  [[nodiscard]] virtual Result<std::optional<Value>> attribute(Interpreter& interpreter, std::string_view name);
  [[nodiscard]] virtual std::optional<Value> element(std::int64_t index) const;
};

// Yields values once, in order; what Python calls an iterator or a generator.
class Iterator : public Object {
 public:
  [[nodiscard]] virtual Result<std::optional<Value>> next(Interpreter& interpreter) = 0;

  [[nodiscard]] const char* type_name() const override { return "generator"; }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] Result<Iterator*> iterate(Interpreter&) override { return this; }
};

// Over the elements of a list or tuple, the characters of a string, the keys of a dict; none of an undefined value.
class ValueIterator final : public Iterator {
 public:
  enum class Order : std::uint8_t { kForward, kBackward };

  // `source` is of one of the kinds above.
  explicit ValueIterator(Value source, Order order = Order::kForward);

  [[nodiscard]] Result<std::optional<Value>> next(Interpreter& interpreter) override;
  [[nodiscard]] const char* type_name() const override { return "list_iterator"; }

 private:
  [[nodiscard]] Result<std::optional<Value>> next_character(Workspace& workspace);

  Value source_;
  Order order_;
  std::size_t size_;          // Elements, or bytes of a string.
  std::size_t position_ = 0;  // Elements given, or bytes.
};

// `range(start, stop, step)`.
class Range final : public Object {
 public:
  // `count` elements: the first is `start`; `stop` is only printed.
  Range(std::int64_t start, std::int64_t stop, std::int64_t step, std::size_t count)
      : start_(start), stop_(stop), step_(step), count_(count) {}

  [[nodiscard]] const char* type_name() const override { return "range"; }
  [[nodiscard]] bool equals(const Object& other) const override;
  [[nodiscard]] std::optional<std::size_t> length() const override { return count_; }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] bool subscriptable() const override { return true; }
  [[nodiscard]] Result<Iterator*> iterate(Interpreter& interpreter) override;
  [[nodiscard]] Result<void> append_repr(Workspace& workspace, std::string& text) const override;
  [[nodiscard]] std::optional<Value> element(std::int64_t index) const override;

  [[nodiscard]] std::int64_t at(std::size_t index) const { return start_ + static_cast<std::int64_t>(index) * step_; }
  [[nodiscard]] std::int64_t step() const { return step_; }

 private:
  std::int64_t start_;
  std::int64_t stop_;
  std::int64_t step_;
  std::size_t count_;
};

// `dict.keys()`, `dict.values()`, `dict.items()`.
class DictView final : public Object {
 public:
  enum class Part : std::uint8_t { kKeys, kValues, kItems };

  DictView(Value dict, Part part) : dict_(std::move(dict)), part_(part) {}

  [[nodiscard]] const char* type_name() const override;
  [[nodiscard]] bool hashable() const override { return part_ == Part::kValues; }
  [[nodiscard]] bool equals(const Object& other) const override;
  [[nodiscard]] std::optional<std::size_t> length() const override { return dict_.as_dict().size(); }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] Result<Iterator*> iterate(Interpreter& interpreter) override;
  [[nodiscard]] Result<void> append_repr(Workspace& workspace, std::string& text) const override;

  [[nodiscard]] const Dict& dict() const { return dict_.as_dict(); }
  [[nodiscard]] Part part() const { return part_; }
  [[nodiscard]] Result<Value> at(Workspace& workspace, std::size_t index) const;

 private:
  Value dict_;
  Part part_;
};

// `namespace(…)`: the one thing that a template can change.
class Namespace final : public Object {
 public:
  explicit Namespace(Dict attributes) : attributes_(std::move(attributes)) {}

  [[nodiscard]] const char* type_name() const override { return "Namespace"; }
  [[nodiscard]] Result<std::optional<Value>> attribute(Interpreter& interpreter, std::string_view name) override;
  [[nodiscard]] Result<void> append_repr(Workspace& workspace, std::string& text) const override;

  void set(Value name, Value value) { attributes_.set(std::move(name), std::move(value)); }

 private:
  Dict attributes_;
};

// `cycler(…)`.
class Cycler final : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}

  [[nodiscard]] const char* type_name() const override { return "Cycler"; }
  [[nodiscard]] Result<std::optional<Value>> attribute(Interpreter& interpreter, std::string_view name) override;

  Value next();
  void reset() { position_ = 0; }

 private:
  std::vector<Value> items_;
  std::size_t position_ = 0;
};

// `joiner(…)`: nothing at the first call, the separator after it.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}

  [[nodiscard]] const char* type_name() const override { return "Joiner"; }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] Result<Value> call(Interpreter& interpreter, const Arguments& arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

// A function of ours, bound to what it is called on.
class Callable final : public Object {
 public:
  using Function = Result<Value> (*)(Interpreter& interpreter, const Value& self, const Arguments& arguments);

  Callable(Function function, Value self) : function_(function), self_(std::move(self)) {}

  [[nodiscard]] const char* type_name() const override { return "builtin_function_or_method"; }
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] Result<Value> call(Interpreter& interpreter, const Arguments& arguments) override {
    return function_(interpreter, self_, arguments);
  }

 private:
  Function function_;
  Value self_;
};

}  // namespace linnet::templates
