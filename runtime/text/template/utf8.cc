#include "runtime/text/template/utf8.h"

namespace linnet::templates {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

std::uint8_t byte_at(std::string_view text, std::size_t position) { return static_cast<std::uint8_t>(text[position]); }

bool is_continuation(std::string_view text, std::size_t position) {
  return position < text.size() && (byte_at(text, position) & 0xC0) == 0x80;
}

// Whether the second byte is in the range that RFC 3629 allows after `lead`: no overlong forms, surrogates, or values
// beyond U+10FFFF.
bool second_byte_fits(std::uint8_t lead, std::uint8_t second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second < 0xA0;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second < 0x90;
    default: return true;
  }
}

std::size_t declared_size(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 1;
}

}  // namespace

std::size_t code_point_size(std::string_view text, std::size_t position) {
  const std::uint8_t lead = byte_at(text, position);
  const std::size_t size = declared_size(lead);
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text, position + i)) return 1;
  }
  if (size > 2 && !second_byte_fits(lead, byte_at(text, position + 1))) return 1;
  return size;
}

char32_t next_code_point(std::string_view text, std::size_t& position) {
  const std::size_t start = position;
  const std::size_t size = code_point_size(text, start);
  position += size;
  const std::uint8_t lead = byte_at(text, start);
  if (size == 1) return lead < 0x80 ? lead : kReplacement;
  char32_t code_point = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) code_point = (code_point << 6) | (byte_at(text, start + i) & 0x3Fu);
  return code_point;
}

char32_t previous_code_point(std::string_view text, std::size_t& end) {
  if (byte_at(text, end - 1) < 0x80) return byte_at(text, --end);
  for (std::size_t back = 2; back <= 4 && back <= end; ++back) {
    std::size_t position = end - back;
    if (code_point_size(text, position) != back) continue;
    end = position;
    return next_code_point(text, position);
  }
  --end;  // A lone byte.
  return kReplacement;
}

void append_code_point(std::string& text, char32_t code_point) {
  const auto push = [&text](char32_t byte) { text.push_back(static_cast<char>(static_cast<std::uint8_t>(byte))); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | (code_point >> 6));
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | (code_point >> 12));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | (code_point >> 18));
    push(0x80 | ((code_point >> 12) & 0x3F));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t position = 0; position < text.size(); ++count) position += code_point_size(text, position);
  return count;
}

std::size_t byte_offset(std::string_view text, std::size_t index) {
  std::size_t position = 0;
  for (; index > 0 && position < text.size(); --index) position += code_point_size(text, position);
  return position;
}

bool is_utf8(std::string_view text) {
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t size = code_point_size(text, position);
    if (size == 1 && byte_at(text, position) >= 0x80) return false;
    position += size;
  }
  return true;
}

bool is_space(char32_t c) {
  // Bidirectional types WS, B and S and category Zs of Unicode: stable since version 6.3.
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view strip_left(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    std::size_t next = position;
    if (!is_space(next_code_point(text, next))) break;
    position = next;
  }
  return text.substr(position);
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.size();
    if (!is_space(previous_code_point(text, end))) break;
    text = text.substr(0, end);
  }
  return text;
}

}  // namespace linnet::templates
