#include "runtime/text/grammar/copy_source.h"

#include <utf8proc.h>

#include <array>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr std::size_t kLongestEscape = 6;  // "\u001f"

bool is_word_character(const CodePoint& point) {
  if (point.state != Utf8State::kValid) return false;
  if (point.value == U'_') return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point.value));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;  // Letters, marks, numbers.
}

bool is_space(const CodePoint& point) {
  if (point.state != Utf8State::kValid) return false;
  if ((point.value >= 9 && point.value <= 13) || point.value == 0x85) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point.value));
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

// JSON's short escapes, else \u00XX for control characters; 0 bytes where none is needed.
std::string_view json_escape(unsigned char c, std::array<char, kLongestEscape>& room) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\b': return "\\b";
    case '\f': return "\\f";
    default: break;
  }
  if (c >= 0x20) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  room = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
  return {room.data(), room.size()};
}

void put(CopySource::Form& form, std::string_view bytes) {
  for (const char c : bytes) {
    form.bytes.push_back(c);
    form.flags.push_back(0);
  }
}

}  // namespace

CopySource::CopySource(std::size_t max_text) : max_text_(max_text) {
  raw_.bytes.reserve(max_text);
  raw_.flags.reserve(max_text + 1);
  escaped_.bytes.reserve(kLongestEscape * max_text);
  escaped_.flags.reserve(kLongestEscape * max_text + 1);
}

bool CopySource::assign(std::string_view text) {
  for (Form* form : {&raw_, &escaped_}) {
    form->bytes.clear();
    form->flags.assign(1, 0);
    form->last_end = 0;
  }
  has_words_ = false;
  if (text.size() > max_text_) return false;
  CodePoint before{.value = U' ', .size = 0, .state = Utf8State::kInvalid};
  bool space_before = true;
  for (std::size_t at = 0;;) {
    const bool at_end = at == text.size();
    const CodePoint point =
        at_end ? CodePoint{.value = U' ', .size = 0, .state = Utf8State::kInvalid} : read_code_point(text.substr(at));
    const bool space = at_end || is_space(point);
    const bool edge = at_end || at == 0 || !is_word_character(before) || !is_word_character(point);
    const auto flags = static_cast<std::uint8_t>((edge && !space ? kStart : 0) | (edge && !space_before ? kEnd : 0));
    for (Form* form : {&raw_, &escaped_}) {
      form->flags.back() = flags;
      if ((flags & kEnd) != 0) form->last_end = form->bytes.size();
    }
    has_words_ = has_words_ || (flags & kStart) != 0;
    if (at_end) return true;
    const std::string_view bytes = text.substr(at, point.size);
    std::array<char, kLongestEscape> room{};
    const std::string_view escape = json_escape(static_cast<unsigned char>(bytes[0]), room);
    put(raw_, bytes);
    put(escaped_, escape.empty() ? bytes : escape);
    before = point;
    space_before = space;
    at += point.size;
  }
}

}  // namespace linnet::text
