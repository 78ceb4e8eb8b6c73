#include "runtime/text/template/tests.h"

#include <algorithm>
#include <array>

#include "runtime/text/template/characters.h"
#include "runtime/text/template/filters.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

namespace {

using Predicate = bool (*)(const Value& value);

template <Predicate predicate>
Result<bool> plain(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("test", arguments, {}));
  return predicate(subject);
}

bool is_defined(const Value& value) { return !value.is(Kind::kUndefined); }
bool is_undefined(const Value& value) { return value.is(Kind::kUndefined); }
bool is_none(const Value& value) { return value.is(Kind::kNone); }
bool is_boolean(const Value& value) { return value.is(Kind::kBoolean); }
bool is_true(const Value& value) { return value.is(Kind::kBoolean) && value.as_boolean(); }
bool is_false(const Value& value) { return value.is(Kind::kBoolean) && !value.as_boolean(); }
bool is_integer(const Value& value) { return value.is(Kind::kInteger); }
bool is_float(const Value& value) { return value.is(Kind::kFloat); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is(Kind::kString); }
bool is_mapping(const Value& value) { return value.is(Kind::kDict); }
bool is_escaped(const Value& value) { return value.is_markup(); }

bool is_callable(const Value& value) {
  // Undefined values have __call__, which raises.
  return value.is(Kind::kUndefined) || (value.is(Kind::kObject) && value.as_object()->callable());
}

bool is_sequence(const Value& value) {
  if (value.is(Kind::kObject)) return value.as_object()->length() && value.as_object()->subscriptable();
  return length_of(value).has_value();
}

template <bool upper>
Result<bool> is_case(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("test", arguments, {}));
  LINNET_TRY(const std::string text, to_str(interpreter.workspace(), subject));
  return upper ? is_upper_text(text) : is_lower_text(text);
}

Result<bool> has_remainder(Interpreter& interpreter, const Value& subject, const Value& divisor, std::int64_t rest) {
  LINNET_TRY(const Value remainder, binary(interpreter, BinaryOperator::kRemainder, subject, divisor));
  return equal(remainder, Value::integer(rest));
}

Result<bool> is_odd(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("odd", arguments, {}));
  return has_remainder(interpreter, subject, Value::integer(2), 1);
}

Result<bool> is_even(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("even", arguments, {}));
  return has_remainder(interpreter, subject, Value::integer(2), 0);
}

Result<bool> is_divisible_by(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("divisibleby", arguments, {"num"}, 1));
  return has_remainder(interpreter, subject, bound[0], 0);
}

Result<bool> is_same_as(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("sameas", arguments, {"other"}, 1));
  return subject.is_same(bound[0]);
}

Result<bool> is_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("filter", arguments, {}));
  if (!subject.is(Kind::kString)) return false;
  return find_filter(subject.as_string()) != nullptr || is_refused_filter(subject.as_string());
}

Result<bool> is_test(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("test", arguments, {}));
  return subject.is(Kind::kString) && find_test(subject.as_string()) != nullptr;
}

template <Comparison comparison>
Result<bool> compares(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("test", arguments, {"other"}, 1));
  return compare(interpreter, comparison, subject, bound[0]);
}

// Sorted by name.
constexpr std::array kTests = {
    Test{"!=", compares<Comparison::kNotEqual>},
    Test{"<", compares<Comparison::kLess>},
    Test{"<=", compares<Comparison::kLessOrEqual>},
    Test{"==", compares<Comparison::kEqual>},
    Test{">", compares<Comparison::kGreater>},
    Test{">=", compares<Comparison::kGreaterOrEqual>},
    Test{"boolean", plain<is_boolean>},
    Test{"callable", plain<is_callable>},
    Test{"defined", plain<is_defined>},
    Test{"divisibleby", is_divisible_by},
    Test{"eq", compares<Comparison::kEqual>},
    Test{"equalto", compares<Comparison::kEqual>},
    Test{"escaped", plain<is_escaped>},
    Test{"even", is_even},
    Test{"false", plain<is_false>},
    Test{"filter", is_filter},
    Test{"float", plain<is_float>},
    Test{"ge", compares<Comparison::kGreaterOrEqual>},
    Test{"greaterthan", compares<Comparison::kGreater>},
    Test{"gt", compares<Comparison::kGreater>},
    Test{"in", compares<Comparison::kIn>},
    Test{"integer", plain<is_integer>},
    Test{"iterable", plain<is_iterable>},
    Test{"le", compares<Comparison::kLessOrEqual>},
    Test{"lessthan", compares<Comparison::kLess>},
    Test{"lower", is_case<false>},
    Test{"lt", compares<Comparison::kLess>},
    Test{"mapping", plain<is_mapping>},
    Test{"ne", compares<Comparison::kNotEqual>},
    Test{"none", plain<is_none>},
    Test{"number", plain<is_number>},
    Test{"odd", is_odd},
    Test{"sameas", is_same_as},
    Test{"sequence", plain<is_sequence>},
    Test{"string", plain<is_string>},
    Test{"test", is_test},
    Test{"true", plain<is_true>},
    Test{"undefined", plain<is_undefined>},
    Test{"upper", is_case<true>},
};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto* const found = std::lower_bound(
      kTests.begin(), kTests.end(), name, [](const Test& test, std::string_view wanted) { return test.name < wanted; });
  return found != kTests.end() && found->name == name ? &*found : nullptr;
}

}  // namespace linnet::templates
