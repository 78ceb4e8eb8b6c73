#include "runtime/text/template/methods.h"

#include <algorithm>
#include <array>
#include <span>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/string_methods.h"

namespace linnet::templates {

namespace {

Result<Value> dict_get(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) return python_error("dict.get() takes no keyword arguments");
  LINNET_TRY(const Bound bound, bind("get", arguments, {"key", "default"}, 1));
  if (!is_hashable(bound[0])) return python_error("unhashable type: " + quoted(type_name_of(bound[0])));
  LINNET_CHECK(interpreter.workspace().spend(bound[0].weight()));
  if (const Value* found = self.as_dict().find(bound[0])) return *found;
  return bound.has(1) ? bound[1] : Value::none();
}

template <DictView::Part part>
Result<Value> dict_view(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind("view", arguments, {}));
  return interpreter.workspace().object<DictView>(self, part);
}

Result<Value> same(Interpreter&, const Value& self, const Arguments& arguments) {
  LINNET_CHECK(bind("copy", arguments, {}));
  return self;  // Nothing here can change, so a copy cannot be told apart.
}

Result<Value> sequence_count(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("count", arguments, {"value"}, 1));
  std::int64_t count = 0;
  for (const Value& item : self.items()) {
    LINNET_CHECK(interpreter.workspace().spend(std::min(item.weight(), bound[0].weight())));
    count += equal(item, bound[0]) ? 1 : 0;
  }
  return Value::integer(count);
}

Result<Value> sequence_index(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("index", arguments, {"value", "start", "stop"}, 1));
  const auto length = static_cast<std::int64_t>(self.items().size());
  LINNET_TRY(std::int64_t start, bound.integer(1, 0));
  LINNET_TRY(std::int64_t stop, bound.integer(2, length));
  if (start < 0) start = std::max<std::int64_t>(start, -length) + length;
  if (stop < 0) stop = std::max<std::int64_t>(stop, -length) + length;
  for (std::int64_t i = start; i < std::min(stop, length); ++i) {
    const Value& item = self.items()[static_cast<std::size_t>(i)];
    LINNET_CHECK(interpreter.workspace().spend(std::min(item.weight(), bound[0].weight())));
    if (equal(item, bound[0])) return Value::integer(i);
  }
  return python_error("the value is not in the list");
}

constexpr std::array<Method, 5> kDictMethods = {{
    {"copy", same},
    {"get", dict_get},
    {"items", dict_view<DictView::Part::kItems>},
    {"keys", dict_view<DictView::Part::kKeys>},
    {"values", dict_view<DictView::Part::kValues>},
}};
constexpr std::array<Method, 3> kListMethods = {{{"copy", same}, {"count", sequence_count}, {"index", sequence_index}}};
constexpr std::array<Method, 2> kTupleMethods = {{{"count", sequence_count}, {"index", sequence_index}}};

// What the immutable sandbox hides (jinja2/sandbox.py, _mutable_spec).
constexpr std::array<std::string_view, 5> kHiddenOfDict = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 8> kHiddenOfList = {"append", "clear",  "extend",  "insert",
                                                           "pop",    "remove", "reverse", "sort"};

// Python has these, and no chat template has a use for them.
constexpr std::array<std::string_view, 3> kRefusedOfString = {"encode", "maketrans", "translate"};
constexpr std::array<std::string_view, 1> kRefusedOfDict = {"fromkeys"};
constexpr std::array<std::string_view, 9> kRefusedOfNumber = {
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "imag", "numerator", "real", "to_bytes"};
constexpr std::array<std::string_view, 4> kRefusedOfFloat = {"fromhex", "hex", "is_integer", "from_bytes"};

std::span<const Method> methods_of(const Value& object) {
  switch (object.kind()) {
    case Kind::kString: return string_methods();
    case Kind::kList: return kListMethods;
    case Kind::kTuple: return kTupleMethods;
    case Kind::kDict: return kDictMethods;
    default: return {};
  }
}

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_hidden(const Value& object, std::string_view name) {
  if (object.is(Kind::kDict)) return has(kHiddenOfDict, name);
  return object.is(Kind::kList) && has(kHiddenOfList, name);
}

bool is_refused(const Value& object, std::string_view name) {
  if (object.is(Kind::kString)) return has(kRefusedOfString, name);
  if (object.is(Kind::kDict)) return has(kRefusedOfDict, name);
  return object.is_number() && (has(kRefusedOfNumber, name) || has(kRefusedOfFloat, name));
}

}  // namespace

const Method* lookup_method(const Value& object, std::string_view name) {
  const std::span<const Method> methods = methods_of(object);
  const auto found =
      std::lower_bound(methods.begin(), methods.end(), name,
                       [](const Method& method, std::string_view wanted) { return method.name < wanted; });
  return found != methods.end() && found->name == name ? &*found : nullptr;
}

Result<std::optional<Value>> find_method(Interpreter& interpreter, const Value& object, const Value& name) {
  const std::string& text = name.as_string();
  if (const Method* method = lookup_method(object, text)) {
    return interpreter.workspace().object<Callable>(method->function, object);
  }
  if (is_hidden(object, text)) return Value::undefined(name, type_name_of(object), true);
  if (is_refused(object, text)) {
    return fail(ErrorKind::kUnsupported, "the attribute " + quoted(text) + " of " + type_name_of(object));
  }
  return std::nullopt;
}

}  // namespace linnet::templates
