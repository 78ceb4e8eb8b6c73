// Filters that give numbers.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/text/template/filter_functions.h"
#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/number_parse.h"
#include "runtime/text/template/operators.h"
#include "runtime/text/template/repr.h"

namespace linnet::templates::filters {

namespace {

tl::unexpected<Error> overflow() { return fail(ErrorKind::kUnsupported, "an integer of more than 64 bits"); }

bool fits_integer(double value) { return value >= -0x1p63 && value < 0x1p63; }

// round(value, digits) of a float: exact ties go to even, as glibc's printf rounds the exact binary value.
double round_float(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits >= 0) {
    char buffer[800];
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), value);
    return std::strtod(buffer, nullptr);
  }
  if (digits < -310) return std::copysign(0.0, value);
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

// round(value, digits) of an integer: only negative digits change it.
Result<Value> round_integer(std::int64_t value, std::int64_t digits) {
  if (digits >= 0) return Value::integer(value);
  if (digits < -18) return Value::integer(0);
  std::int64_t scale = 1;
  for (std::int64_t i = digits; i < 0; ++i) scale *= 10;
  std::int64_t down = value / scale;
  std::int64_t rest = value % scale;
  if (rest < 0) {
    rest += scale;
    down -= 1;
  }
  const std::int64_t other = scale - rest;
  if (rest > other || (rest == other && down % 2 != 0)) down += 1;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(down, scale, &result)) return overflow();
  return Value::integer(result);
}

}  // namespace

Result<Value> absolute(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_CHECK(bind("abs", arguments, {}));
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (!subject.is_number()) return python_error("bad operand type for abs(): " + quoted(type_name_of(subject)));
  if (subject.is(Kind::kFloat)) return Value::floating(std::fabs(subject.as_float()));
  const std::int64_t value = *as_index(subject);
  if (value == INT64_MIN) return overflow();
  return Value::integer(value < 0 ? -value : value);
}

Result<Value> round(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("round", arguments, {"precision", "method"}));
  LINNET_TRY(const std::int64_t digits, bound.integer(0, 0));
  LINNET_TRY(const std::string_view method, bound.text(1, "common"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return python_error("round: the method must be common, ceil or floor");
  }
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (!subject.is_number()) return python_error(std::string("round needs a number, not ") + type_name_of(subject));
  if (method == "common") {
    if (!subject.is(Kind::kFloat)) return round_integer(*as_index(subject), digits);
    return Value::floating(round_float(subject.as_float(), digits));
  }
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = as_double(subject) * scale;
  if (!std::isfinite(scaled)) return python_error("round: cannot convert an infinite value to an integer");
  return Value::floating((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> to_int(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("int", arguments, {"default", "base"}));
  LINNET_TRY(const std::int64_t base, bound.integer(1, 10));
  const Value otherwise = bound.has(0) ? bound[0] : Value::integer(0);
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (const auto integer = as_index(subject)) return Value::integer(*integer);
  double real = 0;
  if (subject.is(Kind::kString)) {
    LINNET_TRY(const auto parsed, parse_integer(subject.as_string(), base));
    if (parsed) return Value::integer(*parsed);
    const auto number = parse_float(subject.as_string());
    if (!number || !std::isfinite(*number)) return otherwise;
    real = *number;
  } else if (subject.is(Kind::kFloat)) {
    real = subject.as_float();
    if (std::isinf(real)) return python_error("cannot convert float infinity to integer");
    if (std::isnan(real)) return otherwise;
  } else {
    return otherwise;
  }
  if (!fits_integer(real)) return overflow();
  return Value::integer(static_cast<std::int64_t>(real));
}

Result<Value> to_float(Interpreter&, const Value& subject, const Arguments& arguments) {
  LINNET_TRY(const Bound bound, bind("float", arguments, {"default"}));
  if (subject.is(Kind::kUndefined)) return undefined_error(subject);
  if (subject.is_number()) return Value::floating(as_double(subject));
  if (subject.is(Kind::kString)) {
    if (const auto number = parse_float(subject.as_string())) return Value::floating(*number);
  }
  return bound.has(0) ? bound[0] : Value::floating(0);
}

}  // namespace linnet::templates::filters
