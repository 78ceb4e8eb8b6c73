// A vocabulary's pieces as one run of bytes in which common beginnings are walked once.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/text/tokenizer.h"

namespace linnet::text {

// The tokens that stand for text, ordered by their bytes; each says how much of it the one before it shares.
// Immutable after build().
class TokenTrie {
 public:
  struct Entry {
    TokenId token;
    std::uint16_t shared;  // Bytes at the start that are those of the entry before.
    std::uint16_t own;     // Bytes that follow them, next in `bytes`.
  };

  // Control, unknown and unused tokens and empty pieces are left out: a grammar speaks about text.
  [[nodiscard]] static TokenTrie build(const Tokenizer& tokenizer);

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t token_count() const { return token_count_; }
  [[nodiscard]] std::size_t longest() const { return longest_; }
  // The tokens that end a generation: allowed where the grammar may end.
  [[nodiscard]] const std::vector<TokenId>& end_tokens() const { return end_tokens_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  const Tokenizer* tokenizer_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<std::uint8_t> bytes_;
  std::vector<TokenId> end_tokens_;
  std::size_t token_count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace linnet::text
