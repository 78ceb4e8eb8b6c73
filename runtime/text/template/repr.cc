#include "runtime/text/template/repr.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "runtime/text/template/characters.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/utf8.h"
#include "runtime/text/template/workspace.h"

namespace linnet::templates {

namespace {

void append_escape(std::string& text, char32_t c) {
  char buffer[12];
  const auto value = static_cast<unsigned>(c);
  const char* format = c <= 0xFF ? "\\x%02x" : c <= 0xFFFF ? "\\u%04x" : "\\U%08x";
  std::snprintf(buffer, sizeof buffer, format, value);
  text += buffer;
}

void append_quoted(std::string& out, std::string_view text) {
  const bool doubles = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubles ? '"' : '\'';
  out.push_back(quote);
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t start = position;
    const char32_t c = next_code_point(text, position);
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\\': out += "\\\\"; break;
      default:
        if (c == static_cast<char32_t>(quote)) out.push_back('\\');
        if (is_printable(c)) {
          out.append(text.substr(start, position - start));
        } else {
          append_escape(out, c);
        }
    }
  }
  out.push_back(quote);
}

// Digits and exponent of the shortest form: value = 0.digits * 10^point.
std::string layout(std::string_view digits, int point, bool negative) {
  std::string text = negative ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (point <= -4 || point > 16) {  // Python writes an exponent below 1e-4 and from 1e16 on.
    text.push_back(digits[0]);
    if (count > 1) text.append(".").append(digits.substr(1));
    char exponent[16];
    std::snprintf(exponent, sizeof exponent, "e%c%02d", point - 1 < 0 ? '-' : '+', std::abs(point - 1));
    return text + exponent;
  }
  if (point <= 0) return text + "0." + std::string(static_cast<std::size_t>(-point), '0') + std::string(digits);
  if (point >= count)
    return text + std::string(digits) + std::string(static_cast<std::size_t>(point - count), '0') + ".0";
  const auto whole = static_cast<std::size_t>(point);
  return text + std::string(digits.substr(0, whole)) + "." + std::string(digits.substr(whole));
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const char* const end =
      std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char* exponent_begin = text.data() + e + 1 + (text[e + 1] == '+' ? 1 : 0);
  std::from_chars(exponent_begin, end, exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits.append(text.substr(2, e - 2));
  return layout(digits, value == 0 ? 1 : exponent + 1, std::signbit(value));
}

const char* type_name_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBoolean: return "bool";
    case Kind::kInteger: return "int";
    case Kind::kFloat: return "float";
    case Kind::kString: return value.is_markup() ? "Markup" : "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kDict: return "dict";
    case Kind::kObject: return value.as_object()->type_name();
  }
  return "object";
}

namespace {

Result<void> append_items_repr(Workspace& workspace, std::string& text, const Value& value) {
  const bool tuple = value.is(Kind::kTuple);
  text.push_back(tuple ? '(' : '[');
  const char* separator = "";
  for (const Value& item : value.items()) {
    text += separator;
    LINNET_CHECK(append_repr(workspace, text, item));
    separator = ", ";
  }
  if (tuple && value.items().size() == 1) text.push_back(',');
  text.push_back(tuple ? ')' : ']');
  return {};
}

Result<void> append_dict_repr(Workspace& workspace, std::string& text, const Dict& dict) {
  text.push_back('{');
  const char* separator = "";
  for (const auto& [key, value] : dict.entries()) {
    text += separator;
    LINNET_CHECK(append_repr(workspace, text, key));
    text += ": ";
    LINNET_CHECK(append_repr(workspace, text, value));
    separator = ", ";
  }
  text.push_back('}');
  return {};
}

}  // namespace

Result<void> append_repr(Workspace& workspace, std::string& text, const Value& value) {
  LINNET_CHECK(workspace.room_for_string(text.size()));
  LINNET_CHECK(workspace.spend(1));
  switch (value.kind()) {
    case Kind::kUndefined: text += "Undefined"; break;
    case Kind::kNone: text += "None"; break;
    case Kind::kBoolean: text += value.as_boolean() ? "True" : "False"; break;
    case Kind::kInteger: text += std::to_string(value.as_integer()); break;
    case Kind::kFloat: text += float_repr(value.as_float()); break;
    case Kind::kString:
      if (value.is_markup()) text += "Markup(";
      append_quoted(text, value.as_string());
      if (value.is_markup()) text += ")";
      break;
    case Kind::kList:
    case Kind::kTuple: return append_items_repr(workspace, text, value);
    case Kind::kDict: return append_dict_repr(workspace, text, value.as_dict());
    case Kind::kObject: {
      LINNET_CHECK(workspace.enter());  // A namespace may hold itself.
      const DepthGuard guard(workspace);
      return value.as_object()->append_repr(workspace, text);
    }
  }
  return {};
}

Result<void> append_str(Workspace& workspace, std::string& text, const Value& value) {
  if (value.is(Kind::kUndefined)) return {};
  if (!value.is(Kind::kString)) return append_repr(workspace, text, value);
  text += value.as_string();
  return {};
}

Result<std::string> to_str(Workspace& workspace, const Value& value) {
  std::string text;
  LINNET_CHECK(append_str(workspace, text, value));
  return text;
}

Result<Value> to_str_value(Workspace& workspace, const Value& value, Markup markup) {
  if (value.is(Kind::kString) && (markup == Markup::kKeep || !value.is_markup())) return value;
  LINNET_TRY(std::string text, to_str(workspace, value));
  return workspace.string(std::move(text));
}

}  // namespace linnet::templates
