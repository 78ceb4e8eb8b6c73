#include "models/safetensors/header_cursor.h"

#include <charconv>
#include <string>
#include <system_error>

namespace linnet::safetensors {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

}  // namespace

tl::unexpected<Error> HeaderCursor::unexpected() const {
  if (position_ >= text_.size()) return fail(ErrorKind::kMalformed, "the header ends too early");
  return fail(ErrorKind::kMalformed, "byte " + std::to_string(position_) + " of the header is unexpected");
}

void HeaderCursor::skip_space() {
  while (position_ < text_.size() && std::string_view(" \t\n\r").find(text_[position_]) != std::string_view::npos) {
    ++position_;
  }
}

bool HeaderCursor::at_end() {
  skip_space();
  return position_ == text_.size();
}

bool HeaderCursor::skip(char c) {
  skip_space();
  if (position_ == text_.size() || text_[position_] != c) return false;
  ++position_;
  return true;
}

Result<void> HeaderCursor::expect(char c) {
  if (skip(c)) return {};
  return unexpected();
}

Result<std::string_view> HeaderCursor::string() {
  LINNET_CHECK(expect('"'));
  const std::size_t first = position_;
  while (position_ < text_.size() && text_[position_] != '"') {
    if (is_control(text_[position_])) return unexpected();  // JSON has these as escapes alone (RFC 8259, 7).
    position_ += text_[position_] == '\\' ? 2U : 1U;
  }
  if (position_ >= text_.size()) return fail(ErrorKind::kMalformed, "the header ends inside a string");
  return text_.substr(first, position_++ - first);
}

Result<std::uint64_t> HeaderCursor::count() {
  skip_space();
  std::uint64_t number = 0;
  const char* const first = text_.data() + position_;
  const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), number);
  if (error != std::errc()) return unexpected();  // Also a number over 64 bits, or below zero.
  position_ += static_cast<std::size_t>(end - first);
  return number;
}

}  // namespace linnet::safetensors
