#include "runtime/text/utf8.h"

#include <cstring>

namespace linnet::text {
namespace {

// The Unicode standard's table 3-7: what may follow a lead byte.
struct Lead {
  std::uint8_t size;  // Bytes of the whole sequence; 0 where the byte starts none.
  std::uint8_t second_low;
  std::uint8_t second_high;
};

constexpr Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

constexpr char32_t payload_of_lead(std::uint8_t byte, std::uint8_t size) {
  return size == 1 ? byte : static_cast<char32_t>(byte & ((1u << (7 - size)) - 1));
}

}  // namespace

CodePoint read_code_point(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const Lead lead = lead_of(first);
  if (lead.size == 0) return {kReplacement, 1, Utf8State::kInvalid};
  char32_t value = payload_of_lead(first, lead.size);
  for (std::uint8_t i = 1; i < lead.size; ++i) {
    if (i == text.size()) return {kReplacement, i, Utf8State::kIncomplete};
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const std::uint8_t low = i == 1 ? lead.second_low : 0x80;
    const std::uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) return {kReplacement, i, Utf8State::kInvalid};
    value = (value << 6) | (byte & 0x3F);
  }
  return {value, lead.size, Utf8State::kValid};
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - at >= sizeof eight) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const CodePoint point = read_code_point(text.substr(at));
    if (point.state != Utf8State::kValid) break;
    at += point.size;
  }
  return at;
}

std::size_t write_code_point(char32_t value, char* out) {
  if (value < 0x80) {
    out[0] = static_cast<char>(value);
    return 1;
  }
  const std::size_t size = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
  for (std::size_t i = size - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (value & 0x3F));
    value >>= 6;
  }
  const std::uint32_t marker = (0xFF00u >> size) & 0xFF;  // 2: 0xC0, 3: 0xE0, 4: 0xF0
  out[0] = static_cast<char>(marker | value);
  return size;
}

}  // namespace linnet::text
