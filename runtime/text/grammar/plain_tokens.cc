#include "runtime/text/grammar/plain_tokens.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

constexpr ByteRange kAscii1[] = {{0x20, 0x21}};
constexpr ByteRange kAscii2[] = {{0x23, 0x5B}};
constexpr ByteRange kAscii3[] = {{0x5D, 0x7E}};
constexpr ByteRange kTwo[] = {{0xC2, 0xDF}, {0x80, 0xBF}};
constexpr ByteRange kThree1[] = {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}};
constexpr ByteRange kThree2[] = {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}};
constexpr ByteRange kThree3[] = {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}};
constexpr ByteRange kThree4[] = {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}};
constexpr ByteRange kFour1[] = {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}};
constexpr ByteRange kFour2[] = {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}};
constexpr ByteRange kFour3[] = {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}};
constexpr std::span<const ByteRange> kPlain[] = {kAscii1, kAscii2, kAscii3, kTwo,   kThree1, kThree2,
                                                 kThree3, kThree4, kFour1,  kFour2, kFour3};

bool is_plain(char32_t character) {
  return character >= 0x20 && character != '"' && character != '\\' && character != 0x7F;
}

// The characters of a plain text; 0 where it is none, or a longer one.
std::size_t plain_characters_of(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    const CodePoint point = read_code_point(text);
    if (point.state != Utf8State::kValid || !is_plain(point.value) || count == PlainTokens::kMostCharacters) return 0;
    ++count;
    text.remove_prefix(point.size);
  }
  return count;
}

}  // namespace

std::span<const std::span<const ByteRange>> plain_characters() { return kPlain; }

PlainTokens::PlainTokens(std::span<const TrieEntry> trie, std::span<const std::uint8_t> bytes, std::size_t tokens)
    : words_((tokens + 63) / 64), masks_((kMostCharacters + 1) * words_) {
  std::vector<std::uint8_t> text;    // Of the entry in hand.
  std::vector<std::uint8_t> before;  // Of the last other one.
  for (const TrieEntry& entry : trie) {
    text.resize(entry.shared);
    text.insert(text.end(), bytes.begin(), bytes.begin() + entry.own);
    bytes = bytes.subspan(entry.own);
    const std::size_t count = plain_characters_of({reinterpret_cast<const char*>(text.data()), text.size()});
    if (count == 0) add_other(entry.token, text, before);
    const auto token = static_cast<std::size_t>(entry.token);
    if (count > 0) masks_[count * words_ + token / 64] |= std::uint64_t{1} << (token % 64);
  }
  for (std::size_t i = words_; i < masks_.size(); ++i) masks_[i] |= masks_[i - words_];
}

void PlainTokens::add_other(TokenId token, std::span<const std::uint8_t> text, std::vector<std::uint8_t>& before) {
  const auto shared = std::ranges::mismatch(text, before).in1 - text.begin();
  const auto own = text.subspan(static_cast<std::size_t>(shared));
  others_.push_back({token, static_cast<std::uint16_t>(shared), static_cast<std::uint16_t>(own.size())});
  other_bytes_.insert(other_bytes_.end(), own.begin(), own.end());
  before.assign(text.begin(), text.end());
}

}  // namespace linnet::text
