#include "runtime/text/template/loop.h"

#include "runtime/text/template/interpreter.h"

namespace linnet::templates {

Result<std::optional<Value>> Loop::advance(Interpreter& interpreter) {
  std::optional<Value> item = std::exchange(ahead_, std::nullopt);
  if (!item) {
    LINNET_TRY(item, source_->next(interpreter));
  }
  if (!item) return std::nullopt;
  ++index_;
  before_ = std::exchange(current_, item);
  return item;
}

Result<const Value*> Loop::peek(Interpreter& interpreter) {
  if (!ahead_) {
    LINNET_TRY(ahead_, source_->next(interpreter));
  }
  return ahead_ ? &*ahead_ : nullptr;
}

Result<std::int64_t> Loop::count(Interpreter& interpreter) {
  if (length_) return *length_;
  if (const auto known = length_of(iterable_)) {
    length_ = static_cast<std::int64_t>(*known);
    return *length_;
  }
  // A generator: what is left of it becomes a list.
  std::vector<Value> rest;
  while (true) {
    LINNET_TRY(std::optional<Value> item, source_->next(interpreter));
    if (!item) break;
    LINNET_CHECK(interpreter.workspace().room_for_elements(rest.size() + 1));
    rest.push_back(*std::move(item));
  }
  length_ = static_cast<std::int64_t>(rest.size()) + index_ + 1 + (ahead_ ? 1 : 0);
  LINNET_TRY(const Value list, interpreter.workspace().list(std::move(rest)));
  LINNET_TRY(source_, interpreter.workspace().make<ValueIterator>(list));
  return *length_;
}

Result<Value> Loop::call(Interpreter& interpreter, const Arguments& arguments) {
  if (!recurse_) return python_error("the loop must have the 'recursive' marker to be called recursively");
  LINNET_TRY(const Bound bound, bind("loop", arguments, {"iterable"}, 1));
  (void)interpreter;
  return recurse_(bound[0], depth_ + 1);
}

Result<Value> Loop::cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) return python_error("no items for cycling given");
  return arguments.positional[static_cast<std::size_t>(index_) % arguments.positional.size()];
}

Result<Value> Loop::changed(Interpreter& interpreter, const Arguments& arguments) {
  LINNET_TRY(const Value values, interpreter.workspace().tuple(arguments.positional));
  LINNET_CHECK(interpreter.workspace().spend(values.weight()));
  if (last_changed_ && equal(*last_changed_, values)) return Value::boolean(false);
  last_changed_ = values;
  return Value::boolean(true);
}

namespace {

Result<Value> loop_cycle(Interpreter&, const Value& self, const Arguments& arguments) {
  return static_cast<const Loop*>(self.as_object())->cycle(arguments);
}

Result<Value> loop_changed(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return static_cast<Loop*>(self.as_object())->changed(interpreter, arguments);
}

}  // namespace

// What needs the elements around the current one.
Result<std::optional<Value>> Loop::neighbour(Interpreter& interpreter, std::string_view name) {
  if (name == "previtem") {
    return index_ > 0 && before_ ? *before_ : Value::undefined_because("there is no previous item");
  }
  if (name == "nextitem" || name == "last") {
    LINNET_TRY(const Value* next, peek(interpreter));
    if (name == "last") return Value::boolean(next == nullptr);
    return next != nullptr ? *next : Value::undefined_because("there is no next item");
  }
  if (name != "length" && name != "revindex" && name != "revindex0") return std::nullopt;
  LINNET_TRY(const std::int64_t all, count(interpreter));
  return Value::integer(name == "length" ? all : name == "revindex" ? all - index_ : all - index_ - 1);
}

Result<std::optional<Value>> Loop::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "index") return Value::integer(index_ + 1);
  if (name == "index0") return Value::integer(index_);
  if (name == "first") return Value::boolean(index_ == 0);
  if (name == "depth") return Value::integer(static_cast<std::int64_t>(depth_) + 1);
  if (name == "depth0") return Value::integer(static_cast<std::int64_t>(depth_));
  Workspace& workspace = interpreter.workspace();
  if (name == "cycle") return workspace.object<Callable>(loop_cycle, Workspace::object_value(this));
  if (name == "changed") return workspace.object<Callable>(loop_changed, Workspace::object_value(this));
  return neighbour(interpreter, name);
}

}  // namespace linnet::templates
