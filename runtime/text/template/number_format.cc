#include "runtime/text/template/number_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "runtime/text/template/interpreter.h"
#include "runtime/text/template/repr.h"
#include "runtime/text/template/utf8.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

namespace {

// Puts separators between groups of digits, from the right.
std::string group_digits(std::string_view digits, char separator, std::size_t group) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % group == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out;
}

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

// `sign` and `body` in the field's width; '=' puts the fill between them.
Result<std::string> pad(const Workspace& workspace, std::string_view sign, std::string_view body,
                        const FormatSpec& spec, char default_align) {
  const std::size_t length = sign.size() + count_code_points(body);
  std::string text = std::string(sign) + std::string(body);
  if (length >= spec.width) return text;
  LINNET_CHECK(workspace.room_for_string(spec.width));
  const std::size_t missing = spec.width - length;
  switch (spec.align != 0 ? spec.align : default_align) {
    case '<': return text + repeat(spec.fill, missing);
    case '^': return repeat(spec.fill, missing / 2) + text + repeat(spec.fill, missing - missing / 2);
    case '=': return std::string(sign) + repeat(spec.fill, missing) + std::string(body);
    default: return repeat(spec.fill, missing) + text;
  }
}

std::string sign_text(bool negative, char sign) {
  if (negative) return "-";
  return sign == '+' ? "+" : sign == ' ' ? " " : "";
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

int base_of(char type) { return type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10; }

// Digits of `value` (not negative) by C's printf, whose rounding is exact on glibc.
std::string print_float(double value, char type, std::size_t precision, bool alternate) {
  std::string format = alternate ? "%#.*" : "%.*";
  format.push_back(type);
  char buffer[800];
  const int length = std::snprintf(buffer, sizeof buffer, format.c_str(), static_cast<int>(precision), value);
  return std::string(buffer, static_cast<std::size_t>(std::max(length, 0)));
}

// Like repr where no precision is given, else like 'g' with a digit after the point.
std::string print_general(double value, const FormatSpec& spec) {
  if (!spec.precision) return float_repr(value);
  const std::size_t precision = std::max<std::size_t>(*spec.precision, 1);
  std::string text = print_float(value, 'g', precision, false);
  const double magnitude = value == 0 ? 0 : std::floor(std::log10(value));
  if (text.find('e') != std::string::npos) return text;
  // Python moves to an exponent one digit earlier, to keep room for that digit.
  if (magnitude + 1 >= static_cast<double>(precision)) return print_float(value, 'e', precision - 1, false);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string print_magnitude(double value, const FormatSpec& spec) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  const std::size_t precision = spec.precision.value_or(6);
  const char type = static_cast<char>(spec.type | 0x20);
  switch (type) {
    case 'e':
    case 'f': return print_float(value, type, precision, spec.alternate);
    case 'g': return print_float(value, type, std::max<std::size_t>(precision, 1), spec.alternate);
    default: break;
  }
  if (spec.type == '%') return print_float(value * 100, 'f', precision, spec.alternate) + "%";
  return print_general(value, spec);
}

}  // namespace

Result<std::string> format_text(const Workspace& workspace, std::string_view text, const FormatSpec& spec) {
  if (spec.type != 0 && spec.type != 's') {
    return python_error(std::string("unknown format code '") + spec.type + "' for a string");
  }
  if (spec.align == '=') return python_error("'=' alignment not allowed in string format specifier");
  if (spec.precision) text = text.substr(0, byte_offset(text, *spec.precision));
  return pad(workspace, "", text, spec, '<');
}

Result<std::string> format_integer(const Workspace& workspace, std::int64_t value, const FormatSpec& spec) {
  constexpr std::string_view kTypes = "bcdoxXn";
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) return python_error("%c arg not in range(0x110000)");
    std::string text;
    append_code_point(text, static_cast<char32_t>(value));
    return pad(workspace, "", text, spec, '<');
  }
  if (spec.type != 0 && kTypes.find(spec.type) == std::string_view::npos) {
    return format_float(workspace, static_cast<double>(value), spec);
  }
  if (spec.precision) return python_error("precision not allowed in integer format specifier");
  const std::uint64_t magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  char buffer[72];
  const int base = base_of(spec.type);
  const char* end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr;
  std::string digits(buffer, static_cast<std::size_t>(end - buffer));
  if (spec.type == 'X') digits = upper(std::move(digits));
  if (spec.grouping != 0) digits = group_digits(digits, spec.grouping, base == 10 ? 3 : 4);
  std::string sign = sign_text(value < 0, spec.sign);
  if (spec.alternate && base != 10) sign.append("0").push_back(spec.type);
  return pad(workspace, sign, digits, spec, '>');
}

Result<std::string> format_float(const Workspace& workspace, double value, const FormatSpec& spec) {
  constexpr std::string_view kTypes = "eEfFgGn%";
  if (spec.type != 0 && kTypes.find(spec.type) == std::string_view::npos) {
    return python_error(std::string("unknown format code '") + spec.type + "' for a number");
  }
  if (spec.precision.value_or(0) > kMostPrecision) {
    return fail(ErrorKind::kUnsupported, "a precision beyond " + std::to_string(kMostPrecision));
  }
  std::string text = print_magnitude(std::fabs(value), spec);
  if (spec.type >= 'A' && spec.type <= 'Z') text = upper(std::move(text));
  if (spec.grouping != 0) {
    const std::size_t whole = std::min(text.find_first_of(".e%"), text.size());
    text = group_digits(std::string_view(text).substr(0, whole), spec.grouping, 3) + text.substr(whole);
  }
  const bool negative = std::signbit(value) && !std::isnan(value);
  return pad(workspace, sign_text(negative, spec.sign), text, spec, '>');
}

}  // namespace linnet::templates
