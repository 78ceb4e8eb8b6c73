// Numbers, and what `+` and `*` do to strings and lists.
#include <cmath>
#include <limits>
#include <string>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/printf_format.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates {

std::optional<std::int64_t> as_index(const Value& value) {
  if (value.is(Kind::kInteger)) return value.as_integer();
  if (value.is(Kind::kBoolean)) return value.as_boolean() ? 1 : 0;
  return std::nullopt;
}

double as_double(const Value& number) {
  if (number.is(Kind::kFloat)) return number.as_float();
  return static_cast<double>(*as_index(number));
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

namespace {

tl::unexpected<Error> overflow() { return fail(ErrorKind::kUnsupported, "an integer of more than 64 bits"); }

Result<Value> integer_or_overflow(bool overflowed, std::int64_t value) {
  if (overflowed) return overflow();
  return Value::integer(value);
}

// Python's floor division and remainder, whose sign is the divisor's.
Result<Value> floor_divide(std::int64_t a, std::int64_t b) {
  if (b == -1) {
    std::int64_t negated = 0;
    const bool overflowed = __builtin_sub_overflow(std::int64_t{0}, a, &negated);
    return integer_or_overflow(overflowed, negated);
  }
  const std::int64_t quotient = a / b;
  return Value::integer(a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient);
}

std::int64_t floor_remainder(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Result<Value> power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return python_error("0.0 cannot be raised to a negative power");
    return Value::floating(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return overflow();
  }
  return Value::integer(result);
}

Result<Value> integer_arithmetic(BinaryOperator symbol, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflowed = false;
  switch (symbol) {
    case BinaryOperator::kAdd: overflowed = __builtin_add_overflow(a, b, &result); break;
    case BinaryOperator::kSubtract: overflowed = __builtin_sub_overflow(a, b, &result); break;
    case BinaryOperator::kMultiply: overflowed = __builtin_mul_overflow(a, b, &result); break;
    case BinaryOperator::kPower: return power(a, b);
    default:
      if (b == 0) return python_error("division by zero");
      if (symbol == BinaryOperator::kDivide) return Value::floating(static_cast<double>(a) / static_cast<double>(b));
      if (symbol == BinaryOperator::kFloorDivide) return floor_divide(a, b);
      return Value::integer(floor_remainder(a, b));
  }
  return integer_or_overflow(overflowed, result);
}

struct Division {
  double quotient;
  double remainder;
};

// Python's float divmod: the remainder has the divisor's sign, and its zero too.
Division divide_floor(double a, double b) {
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), remainder};
  double floor = std::floor(quotient);
  if (quotient - floor > 0.5) floor += 1;
  return {floor, remainder};
}

Result<Value> float_power(double a, double b) {
  if (a == 0 && b < 0) return python_error("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(b) && std::floor(b) != b) {
    return fail(ErrorKind::kUnsupported, "a complex number, from a power of a negative number");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) return python_error("result too large");
  return Value::floating(result);
}

Result<Value> float_arithmetic(BinaryOperator symbol, double a, double b) {
  switch (symbol) {
    case BinaryOperator::kAdd: return Value::floating(a + b);
    case BinaryOperator::kSubtract: return Value::floating(a - b);
    case BinaryOperator::kMultiply: return Value::floating(a * b);
    case BinaryOperator::kPower: return float_power(a, b);
    default: break;
  }
  if (b == 0) return python_error("float division by zero");
  if (symbol == BinaryOperator::kDivide) return Value::floating(a / b);
  const Division division = divide_floor(a, b);
  return Value::floating(symbol == BinaryOperator::kFloorDivide ? division.quotient : division.remainder);
}

Result<Value> add_strings(Workspace& workspace, const Value& a, const Value& b) {
  const bool markup = a.is_markup() || b.is_markup();
  const auto text = [markup](const Value& value) {
    return markup && !value.is_markup() ? escape_html(value.as_string()) : value.as_string();
  };
  LINNET_CHECK(workspace.room_for_string(a.as_string().size() + b.as_string().size()));
  return workspace.string(text(a) + text(b), markup);
}

Result<Value> same_kind(Workspace& workspace, const Value& like, std::vector<Value> items) {
  return like.is(Kind::kList) ? workspace.list(std::move(items)) : workspace.tuple(std::move(items));
}

Result<Value> add_sequences(Workspace& workspace, const Value& a, const Value& b) {
  LINNET_CHECK(workspace.room_for_elements(a.items().size() + b.items().size()));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return same_kind(workspace, a, std::move(items));
}

Result<Value> repeat(Workspace& workspace, const Value& value, std::int64_t count) {
  const std::size_t times = as_size(count);
  const std::size_t size = value.is(Kind::kString) ? value.as_string().size() : value.items().size();
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  const std::size_t all = size != 0 && times > most / size ? most : size * times;
  if (value.is(Kind::kString)) {
    LINNET_CHECK(workspace.room_for_string(all));
    std::string text;
    for (std::size_t i = 0; i < times && size != 0; ++i) text += value.as_string();
    return workspace.string(std::move(text), value.is_markup());
  }
  LINNET_CHECK(workspace.room_for_elements(all));
  std::vector<Value> items;
  for (std::size_t i = 0; i < times && size != 0; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return same_kind(workspace, value, std::move(items));
}

const char* symbol_text(BinaryOperator symbol) {
  switch (symbol) {
    case BinaryOperator::kAdd: return "+";
    case BinaryOperator::kSubtract: return "-";
    case BinaryOperator::kMultiply: return "*";
    case BinaryOperator::kDivide: return "/";
    case BinaryOperator::kFloorDivide: return "//";
    case BinaryOperator::kRemainder: return "%";
    case BinaryOperator::kPower: return "**";
  }
  return "?";
}

bool is_repeatable(const Value& value) { return value.is(Kind::kString) || value.is_sequence(); }

}  // namespace

Result<Value> binary(Interpreter& interpreter, BinaryOperator symbol, const Value& left, const Value& right) {
  if (left.is(Kind::kUndefined)) return undefined_error(left);
  if (left.is(Kind::kString) && symbol == BinaryOperator::kRemainder) return printf_format(interpreter, left, right);
  if (right.is(Kind::kUndefined)) return undefined_error(right);
  if (left.is_number() && right.is_number()) {
    if (left.is(Kind::kFloat) || right.is(Kind::kFloat)) {
      return float_arithmetic(symbol, as_double(left), as_double(right));
    }
    return integer_arithmetic(symbol, *as_index(left), *as_index(right));
  }
  Workspace& workspace = interpreter.workspace();
  if (symbol == BinaryOperator::kAdd && left.kind() == right.kind()) {
    if (left.is(Kind::kString)) return add_strings(workspace, left, right);
    if (left.is_sequence()) return add_sequences(workspace, left, right);
  }
  if (symbol == BinaryOperator::kMultiply) {
    if (is_repeatable(left) && as_index(right)) return repeat(workspace, left, *as_index(right));
    if (is_repeatable(right) && as_index(left)) return repeat(workspace, right, *as_index(left));
  }
  return python_error(std::string("unsupported operand types for ") + symbol_text(symbol) + ": " +
                      quoted(type_name_of(left)) + " and " + quoted(type_name_of(right)));
}

Result<Value> unary(UnaryOperator symbol, const Value& operand) {
  if (symbol == UnaryOperator::kNot) return Value::boolean(!truth_of(operand));
  if (operand.is(Kind::kUndefined)) return undefined_error(operand);
  if (!operand.is_number())
    return python_error("bad operand type for unary operator: " + quoted(type_name_of(operand)));
  const bool negate = symbol == UnaryOperator::kNegate;
  if (operand.is(Kind::kFloat)) return Value::floating(negate ? -operand.as_float() : operand.as_float());
  const std::int64_t value = *as_index(operand);
  if (!negate) return Value::integer(value);
  return floor_divide(value, -1);
}

}  // namespace linnet::templates
