#include "runtime/text/template/interpreter.h"

#include <algorithm>

#include "runtime/text/template/filters.h"
#include "runtime/text/template/methods.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/tests.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

const CivilTime& Interpreter::now() {
  if (!now_) now_ = local_time_now();  // Once: a render sees one moment.
  return *now_;
}

bool truth_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBoolean: return value.as_boolean();
    case Kind::kInteger: return value.as_integer() != 0;
    case Kind::kFloat: return value.as_float() != 0;
    case Kind::kString: return !value.as_string().empty();
    case Kind::kList:
    case Kind::kTuple: return !value.items().empty();
    case Kind::kDict: return value.as_dict().size() != 0;
    case Kind::kObject: return value.as_object()->truthy();
  }
  return false;
}

std::optional<std::size_t> length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kString: return value.code_points();
    case Kind::kList:
    case Kind::kTuple: return value.items().size();
    case Kind::kDict: return value.as_dict().size();
    case Kind::kObject: return value.as_object()->length();
    default: return std::nullopt;
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict: return true;
    case Kind::kObject: return value.as_object()->iterable();
    default: return false;
  }
}

namespace {

// Names that Python gives to every object: the sandbox hides them.
bool is_dunder(std::string_view name) { return name.size() > 4 && name.starts_with("__") && name.ends_with("__"); }

// `object[key]` proper, without the fall-back to attributes.
Result<std::optional<Value>> subscript(Workspace& workspace, const Value& object, const Value& key) {
  if (object.is(Kind::kDict)) {
    if (!is_hashable(key)) return std::nullopt;
    LINNET_CHECK(workspace.spend(key.weight()));
    const Value* found = object.as_dict().find(key);
    if (found == nullptr) return std::nullopt;
    return *found;
  }
  const auto index = as_index(key);
  if (!index) return std::nullopt;
  if (object.is(Kind::kObject)) return object.as_object()->element(*index);
  if (!object.is_sequence() && !object.is(Kind::kString)) return std::nullopt;
  const auto length = static_cast<std::int64_t>(*length_of(object));
  if (*index >= length || *index < -length) return std::nullopt;
  const auto place = static_cast<std::size_t>(*index < 0 ? *index + length : *index);
  if (object.is_sequence()) return object.items()[place];
  const std::string_view text = object.as_string();
  const bool one_byte_each = object.code_points() == text.size();
  if (!one_byte_each) LINNET_CHECK(workspace.spend_bytes(text.size()));
  const std::size_t offset = one_byte_each ? place : byte_offset(text, place);
  return workspace.string(std::string(text.substr(offset, code_point_size(text, offset))), object.is_markup());
}

// What Python's getattr finds, as the sandbox shows it.
Result<std::optional<Value>> find_attribute(Interpreter& interpreter, const Value& object, const Value& name) {
  const std::string& text = name.as_string();
  if (is_dunder(text)) return Value::undefined(name, type_name_of(object), true);
  if (object.is(Kind::kObject)) return object.as_object()->attribute(interpreter, text);
  return find_method(interpreter, object, name);
}

}  // namespace

Result<Value> Interpreter::attribute(const Value& object, const Value& name) {
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  LINNET_TRY(const std::optional<Value> attribute, find_attribute(*this, object, name));
  if (attribute) return *attribute;
  LINNET_TRY(const std::optional<Value> element, subscript(workspace_, object, name));
  if (element) return *element;
  return Value::undefined(name, type_name_of(object));
}

Result<Value> Interpreter::item(const Value& object, const Value& key) {
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  LINNET_TRY(const std::optional<Value> element, subscript(workspace_, object, key));
  if (element) return *element;
  if (!key.is(Kind::kString)) {
    LINNET_TRY(std::string text, to_str(workspace_, key));
    LINNET_TRY(const Value name, workspace_.string(std::move(text)));
    return Value::undefined(name, type_name_of(object));
  }
  LINNET_TRY(const std::optional<Value> attribute, find_attribute(*this, object, key));
  return attribute ? *attribute : Value::undefined(key, type_name_of(object));
}

Result<Value> Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (callee.is(Kind::kUndefined)) return undefined_error(callee);
  if (!callee.is(Kind::kObject)) return python_error(quoted(type_name_of(callee)) + " object is not callable");
  LINNET_CHECK(workspace_.enter());
  const DepthGuard guard(workspace_);
  return callee.as_object()->call(*this, arguments);
}

Result<Iterator*> Interpreter::iterate(const Value& value) {
  if (value.is(Kind::kObject)) return value.as_object()->iterate(*this);
  if (!is_iterable(value)) return python_error(quoted(type_name_of(value)) + " object is not iterable");
  return workspace_.make<ValueIterator>(value);
}

Result<std::vector<Value>> Interpreter::elements(const Value& value) {
  if (value.is_sequence()) {
    LINNET_CHECK(workspace_.spend(value.items().size()));
    return value.items();
  }
  LINNET_TRY(Iterator * iterator, iterate(value));
  std::vector<Value> items;
  while (true) {
    LINNET_TRY(std::optional<Value> item, iterator->next(*this));
    if (!item) return items;
    LINNET_CHECK(workspace_.room_for_elements(items.size() + 1));
    items.push_back(*std::move(item));
  }
}

Result<Value> Interpreter::apply_filter(std::string_view name, const Value& subject, const Arguments& arguments) {
  const Filter* filter = find_filter(name);
  if (filter == nullptr) return python_error("no filter named " + quoted(name));
  return filter->apply(*this, subject, arguments);
}

Result<bool> Interpreter::apply_test(std::string_view name, const Value& subject, const Arguments& arguments) {
  const Test* test = find_test(name);
  if (test == nullptr) return python_error("no test named " + quoted(name));
  return test->apply(*this, subject, arguments);
}

Result<std::string_view> Bound::text(std::size_t index, std::string_view otherwise) const {
  if (!has_value(index)) return otherwise;
  if (values_[index]->is(Kind::kUndefined)) return undefined_error(*values_[index]);
  if (!values_[index]->is(Kind::kString))
    return python_error(std::string("expected a string, got ") + type_name_of(*values_[index]));
  return values_[index]->as_string();
}

Result<std::int64_t> Bound::integer(std::size_t index, std::int64_t otherwise) const {
  if (!has_value(index)) return otherwise;
  if (values_[index]->is(Kind::kUndefined)) return undefined_error(*values_[index]);
  const auto value = as_index(*values_[index]);
  if (!value) return python_error(std::string("expected an integer, got ") + type_name_of(*values_[index]));
  return *value;
}

Result<Bound> bind(std::string_view callee, const Arguments& arguments,
                   std::initializer_list<std::string_view> parameters, std::size_t required) {
  const std::string prefix = std::string(callee) + "() ";
  if (arguments.positional.size() > parameters.size()) {
    return python_error(prefix + "takes at most " + std::to_string(parameters.size()) + " arguments");
  }
  Bound bound(parameters.size());
  std::copy(arguments.positional.begin(), arguments.positional.end(), bound.values_.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto* const found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) return python_error(prefix + "takes no argument " + quoted(name));
    auto& place = bound.values_[static_cast<std::size_t>(found - parameters.begin())];
    if (place) return python_error(prefix + "got multiple values for argument " + quoted(name));
    place = value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!bound.has(i)) return python_error(prefix + "misses the argument " + quoted(parameters.begin()[i]));
  }
  return bound;
}

}  // namespace linnet::templates
