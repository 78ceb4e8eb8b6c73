#include "runtime/text/grammar/token_trie.h"

namespace linnet::text {

TokenTrie::TokenTrie(const Tokenizer& tokenizer)
    : tokenizer_(&tokenizer),
      plain_(tokenizer.tables().trie(), tokenizer.tables().trie_bytes(), tokenizer.token_count()) {
  for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer.token_count(); ++id) {
    if (tokenizer.ends_generation(id)) end_tokens_.push_back(id);
  }
}

}  // namespace linnet::text
