#include "runtime/text/grammar/token_trie.h"

#include <algorithm>

namespace linnet::text {

TokenTrie TokenTrie::build(const Tokenizer& tokenizer) {
  TokenTrie trie;
  trie.tokenizer_ = &tokenizer;
  trie.token_count_ = tokenizer.token_count();
  std::vector<TokenId> order;
  for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer.token_count(); ++id) {
    if (tokenizer.ends_generation(id)) {
      trie.end_tokens_.push_back(id);
    } else if (tokenizer.type(id) != TokenType::kUnused && !tokenizer.piece(id).empty()) {
      order.push_back(id);
    }
  }
  std::ranges::sort(order, {}, [&](TokenId id) { return tokenizer.piece(id); });
  std::string_view before;
  for (const TokenId id : order) {
    const std::string_view piece = tokenizer.piece(id);
    const auto differ = std::ranges::mismatch(before, piece);
    const auto shared = static_cast<std::size_t>(differ.in2 - piece.begin());
    trie.entries_.push_back(
        {id, static_cast<std::uint16_t>(shared), static_cast<std::uint16_t>(piece.size() - shared)});
    trie.bytes_.insert(trie.bytes_.end(), differ.in2, piece.end());
    trie.longest_ = std::max(trie.longest_, piece.size());
    before = piece;
  }
  return trie;
}

}  // namespace linnet::text
