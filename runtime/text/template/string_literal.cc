#include "runtime/text/template/string_literal.h"

#include <cstdint>
#include <cstdio>

#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `digits` hexadecimal digits at `position`, which advances past them.
Result<void> append_hex(std::string& out, std::string_view body, std::size_t& position, std::size_t digits) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++position) {
    const int digit = position < body.size() ? hex_digit(body[position]) : -1;
    if (digit < 0) return fail(ErrorKind::kMalformed, "a truncated hexadecimal escape in a string");
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  if (value > 0x10FFFF) return fail(ErrorKind::kMalformed, "an escape beyond U+10FFFF in a string");
  if (value >= 0xD800 && value <= 0xDFFF) return fail(ErrorKind::kUnsupported, "a surrogate escape in a string");
  append_code_point(out, value);
  return {};
}

void append_octal(std::string& out, std::string_view body, std::size_t& position) {
  char32_t value = 0;
  for (int i = 0; i < 3 && position < body.size() && body[position] >= '0' && body[position] <= '7'; ++i) {
    value = value * 8 + static_cast<char32_t>(body[position++] - '0');
  }
  append_code_point(out, value);
}

// The character that a one-letter escape stands for, or 0.
char simple_escape(char letter) {
  switch (letter) {
    case '\\': return '\\';
    case '\'': return '\'';
    case '"': return '"';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return 0;
  }
}

// Jinja2 first writes other characters as escapes, so that a backslash before one swallows that escape's own.
void append_swallowed(std::string& out, char32_t c) {
  char buffer[12];
  const auto value = static_cast<unsigned>(c);
  std::snprintf(buffer, sizeof buffer, c <= 0xFF ? "\\x%02x" : c <= 0xFFFF ? "\\u%04x" : "\\U%08x", value);
  out += buffer;
}

// What follows a backslash at `position`.
Result<void> append_escape(std::string& out, std::string_view body, std::size_t& position) {
  const char letter = body[position];
  if (const char c = simple_escape(letter)) {
    out.push_back(c);
    ++position;
    return {};
  }
  if (letter >= '0' && letter <= '7') {
    append_octal(out, body, position);
    return {};
  }
  if (letter == 'N') return fail(ErrorKind::kUnsupported, "a named character \\N{…} in a string");
  if (static_cast<std::uint8_t>(letter) >= 0x80) {
    append_swallowed(out, next_code_point(body, position));
    return {};
  }
  ++position;
  switch (letter) {
    case '\n': return {};
    case 'x': return append_hex(out, body, position, 2);
    case 'u': return append_hex(out, body, position, 4);
    case 'U': return append_hex(out, body, position, 8);
    default:
      out.push_back('\\');
      out.push_back(letter);
      return {};
  }
}

}  // namespace

Result<std::string> unescape(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (std::size_t position = 0; position < body.size();) {
    const char c = body[position++];
    if (c != '\\') {
      out.push_back(c);
    } else if (position == body.size()) {
      return fail(ErrorKind::kMalformed, "a backslash at the end of a string");
    } else {
      LINNET_CHECK(append_escape(out, body, position));
    }
  }
  return out;
}

}  // namespace linnet::templates
