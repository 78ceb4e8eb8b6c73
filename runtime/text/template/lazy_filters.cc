// Filters that give a generator: each element is computed when it is asked for.
#include <optional>
#include <string>

#include "runtime/text/template/attribute_path.h"
#include "runtime/text/template/filter_functions.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates::filters {

namespace {

// A generator over `source`, which is looked at only when the first element is asked for, as in Python.
class LazyIterator : public Iterator {
 public:
  explicit LazyIterator(Value source) : source_(std::move(source)) {}

  Result<std::optional<Value>> next(Interpreter& interpreter) final {
    Workspace& workspace = interpreter.workspace();
    LINNET_CHECK(workspace.enter());  // Generators may be stacked in a loop.
    const DepthGuard guard(workspace);
    if (!started_) {
      started_ = true;
      if (truth_of(source_) || !skips_false()) {
        LINNET_TRY(iterator_, interpreter.iterate(source_));
        LINNET_CHECK(start(interpreter));
      }
    }
    while (iterator_ != nullptr) {
      LINNET_TRY(std::optional<Value> item, iterator_->next(interpreter));
      if (!item) break;
      LINNET_TRY(std::optional<Value> result, produce(interpreter, *std::move(item)));
      if (result) return result;
    }
    iterator_ = nullptr;
    return std::nullopt;
  }

 protected:
  [[nodiscard]] virtual bool skips_false() const { return true; }
  [[nodiscard]] virtual Result<void> start(Interpreter& interpreter) = 0;
  // The element to give for `item`, or nothing to go on.
  [[nodiscard]] virtual Result<std::optional<Value>> produce(Interpreter& interpreter, Value item) = 0;

 private:
  Value source_;
  Iterator* iterator_ = nullptr;
  bool started_ = false;
};

// Splits off the first positional argument.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

Result<std::string> name_argument(const Value& value, const char* what) {
  if (value.is(Kind::kString)) return value.as_string();
  return python_error(std::string("no ") + what + " named by a value of type " + type_name_of(value));
}

class MapIterator final : public LazyIterator {
 public:
  MapIterator(Value source, Arguments arguments) : LazyIterator(std::move(source)), arguments_(std::move(arguments)) {}

 private:
  Result<void> start(Interpreter& interpreter) override {
    if (arguments_.positional.empty() && !arguments_.named.empty()) return start_attribute(interpreter);
    if (arguments_.positional.empty()) return python_error("map requires a filter argument");
    LINNET_TRY(name_, name_argument(arguments_.positional[0], "filter"));
    arguments_ = without_first(arguments_, 1);
    return {};
  }

  Result<void> start_attribute(Interpreter& interpreter) {
    LINNET_TRY(const Bound bound, bind("map", arguments_, {"attribute", "default"}, 1));
    LINNET_TRY(path_, AttributePath::parse(interpreter, bound[0]));
    if (bound.has(1)) otherwise_ = bound[1];
    return {};
  }

  Result<std::optional<Value>> produce(Interpreter& interpreter, Value item) override {
    if (path_) return path_->follow(interpreter, std::move(item), otherwise_);
    return interpreter.apply_filter(name_, item, arguments_);
  }

  Arguments arguments_;
  std::string name_;
  std::optional<AttributePath> path_;
  std::optional<Value> otherwise_;
};

enum class Keep : bool { kFailing, kPassing };
enum class Look : bool { kAtElement, kAtAttribute };

class SelectIterator final : public LazyIterator {
 public:
  SelectIterator(Value source, Arguments arguments, Keep keep, Look look)
      : LazyIterator(std::move(source)), arguments_(std::move(arguments)), keep_(keep), look_(look) {}

 private:
  Result<void> start(Interpreter& interpreter) override {
    const std::size_t offset = look_ == Look::kAtAttribute ? 1 : 0;
    if (arguments_.positional.size() < offset) return python_error("missing parameter for attribute name");
    if (look_ == Look::kAtAttribute) {
      LINNET_TRY(path_, AttributePath::parse(interpreter, arguments_.positional[0]));
    }
    if (arguments_.positional.size() == offset) return {};
    LINNET_TRY(name_, name_argument(arguments_.positional[offset], "test"));
    arguments_ = without_first(arguments_, offset + 1);
    return {};
  }

  Result<std::optional<Value>> produce(Interpreter& interpreter, Value item) override {
    Value looked_at = item;
    if (path_) {
      LINNET_TRY(looked_at, path_->follow(interpreter, item));
    }
    bool passes = false;
    if (name_) {
      LINNET_TRY(passes, interpreter.apply_test(*name_, looked_at, arguments_));
    } else {
      passes = truth_of(looked_at);
    }
    if (passes != (keep_ == Keep::kPassing)) return std::nullopt;
    return item;
  }

  Arguments arguments_;
  Keep keep_;
  Look look_;
  std::optional<std::string> name_;
  std::optional<AttributePath> path_;
};

class UniqueIterator final : public LazyIterator {
 public:
  UniqueIterator(Value source, AttributePath path, Case mode)
      : LazyIterator(std::move(source)), path_(std::move(path)), mode_(mode) {}

 private:
  [[nodiscard]] bool skips_false() const override { return false; }
  Result<void> start(Interpreter&) override { return {}; }

  Result<std::optional<Value>> produce(Interpreter& interpreter, Value item) override {
    LINNET_TRY(const Value part, path_.follow(interpreter, item));
    LINNET_TRY(const Value key, fold(interpreter, part, mode_));
    if (!is_hashable(key)) return python_error("unhashable type: " + quoted(type_name_of(key)));
    LINNET_CHECK(interpreter.workspace().spend(key.weight()));
    if (seen_.find(key) != nullptr) return std::nullopt;
    LINNET_CHECK(interpreter.workspace().room_for_elements(seen_.size() + 1));
    seen_.set(key, Value::none());
    return item;
  }

  AttributePath path_;
  Case mode_;
  Dict seen_;
};

Result<Value> selection(Interpreter& interpreter, const Value& subject, const Arguments& arguments, Keep keep,
                        Look look) {
  return interpreter.workspace().object<SelectIterator>(subject, arguments, keep, look);
}

}  // namespace

Result<Value> map(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return interpreter.workspace().object<MapIterator>(subject, arguments);
}

Result<Value> select(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selection(interpreter, subject, arguments, Keep::kPassing, Look::kAtElement);
}

Result<Value> reject(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selection(interpreter, subject, arguments, Keep::kFailing, Look::kAtElement);
}

Result<Value> select_attribute(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selection(interpreter, subject, arguments, Keep::kPassing, Look::kAtAttribute);
}

Result<Value> reject_attribute(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selection(interpreter, subject, arguments, Keep::kFailing, Look::kAtAttribute);
}

Result<Value> unique(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("unique", arguments, {"case_sensitive", "attribute"}));
  LINNET_TRY(AttributePath path,
             AttributePath::parse(interpreter, bound.has(1) ? std::optional<Value>(bound[1]) : std::nullopt));
  return interpreter.workspace().object<UniqueIterator>(subject, std::move(path),
                                                        bound.flag(0) ? Case::kSensitive : Case::kIgnore);
}

}  // namespace linnet::templates::filters
