// The tokens that are nothing but characters which a JSON string holds as they are, by their count of characters.
//
// Inside a string nearly the whole of a vocabulary may come next, and where a grammar treats all such characters alike,
// counting them says which tokens may: a mask is then a copy, and only the few thousand other tokens are walked.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/text/tokenizer.h"

namespace linnet::text {

// Immutable.
class PlainTokens {
 public:
  // Longer tokens are among the others: few, and each further character would have to be looked ahead to.
  static constexpr std::size_t kMostCharacters = 16;

  // `trie` and `bytes` are a vocabulary's, of `tokens` tokens; neither is kept.
  PlainTokens(std::span<const TrieEntry> trie, std::span<const std::uint8_t> bytes, std::size_t tokens);

  // A bit a token: those of 1 to `characters` characters.
  [[nodiscard]] std::span<const std::uint64_t> up_to(std::size_t characters) const {
    return std::span(masks_).subspan(characters * words_, words_);
  }

  // The rest, in the form of the vocabulary's own trie.
  [[nodiscard]] std::span<const TrieEntry> others() const { return others_; }
  [[nodiscard]] std::span<const std::uint8_t> other_bytes() const { return other_bytes_; }

  [[nodiscard]] std::size_t bytes() const {
    return masks_.size() * sizeof(masks_.front()) + others_.size() * sizeof(TrieEntry) + other_bytes_.size();
  }

 private:
  void add_other(TokenId token, std::span<const std::uint8_t> text, std::vector<std::uint8_t>& before);

  std::size_t words_;
  std::vector<std::uint64_t> masks_;  // [kMostCharacters + 1, words_]
  std::vector<TrieEntry> others_;
  std::vector<std::uint8_t> other_bytes_;
};

// Bytes that may stand at one place of a plain character.
struct ByteRange {
  std::uint8_t first;
  std::uint8_t last;
};

// The plain characters as sequences of ranges: what is printable in ASCII but the quote and the backslash, and all
// well-formed sequences of more bytes (Unicode standard, table 3-7).
[[nodiscard]] std::span<const std::span<const ByteRange>> plain_characters();

}  // namespace linnet::text
