#include "runtime/text/byte_level.h"

#include <array>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr bool stands_for_itself(std::uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr std::size_t kCharacters = 0x100 + 68;  // 68 bytes do not stand for themselves.
constexpr std::int16_t kNone = -1;

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<std::int16_t, kCharacters> byte{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.byte) byte = kNone;
  char32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const char32_t character = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.character[byte] = character;
    alphabet.byte[character] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t byte_level_character(std::uint8_t byte) { return kAlphabet.character[byte]; }

bool append_byte_level(std::string_view text, std::string& out) {
  const std::size_t before = out.size();
  while (!text.empty()) {
    const CodePoint point = read_code_point(text);
    if (point.state != Utf8State::kValid || point.value >= kCharacters || kAlphabet.byte[point.value] == kNone) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(kAlphabet.byte[point.value]));
    text.remove_prefix(point.size);
  }
  return true;
}

}  // namespace linnet::text
