// A vocabulary as a grammar sees it: the tokens that stand for text, in the order of their bytes.
#pragma once

#include <span>
#include <vector>

#include "runtime/text/grammar/plain_tokens.h"
#include "runtime/text/tokenizer.h"

namespace linnet::text {

// A view of the tokenizer's tables, with what is plain among them, and the tokens that end a generation. Immutable.
class TokenTrie {
 public:
  using Entry = TrieEntry;

  // `tokenizer` must outlive the trie.
  [[nodiscard]] static TokenTrie build(const Tokenizer& tokenizer) { return TokenTrie(tokenizer); }

  // Control, unknown and unused tokens and empty pieces are not among them: a grammar speaks about text.
  [[nodiscard]] std::span<const TrieEntry> entries() const { return tokenizer_->tables().trie(); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return tokenizer_->tables().trie_bytes(); }
  [[nodiscard]] std::size_t token_count() const { return tokenizer_->token_count(); }
  [[nodiscard]] std::size_t longest() const { return tokenizer_->longest_piece(); }
  [[nodiscard]] const PlainTokens& plain() const { return plain_; }
  // Ascending. Allowed where a grammar may end, whatever their text.
  [[nodiscard]] const std::vector<TokenId>& end_tokens() const { return end_tokens_; }
  [[nodiscard]] const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  explicit TokenTrie(const Tokenizer& tokenizer);

  const Tokenizer* tokenizer_;
  PlainTokens plain_;
  std::vector<TokenId> end_tokens_;
};

}  // namespace linnet::text
