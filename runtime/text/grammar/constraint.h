// Which tokens may come next so that the whole text fits a grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/text/grammar/configurations.h"
#include "runtime/text/grammar/grammar.h"
#include "runtime/text/grammar/plain_run.h"
#include "runtime/text/grammar/token_trie.h"

namespace linnet::text {

// Takes its memory once; reset(), mask() and accept() allocate nothing. One generation at a time.
class Constraint {
 public:
  // `trie` must outlive the constraint.
  explicit Constraint(const TokenTrie& trie, const ConstraintLimits& limits = {});

  // Memory that the constraint takes.
  [[nodiscard]] static std::size_t bytes_for(const TokenTrie& trie, const ConstraintLimits& limits = {});

  // 64-bit words of a mask over the vocabulary.
  [[nodiscard]] std::size_t mask_words() const { return (trie_->token_count() + 63) / 64; }

  // Begins a text. `grammar` must outlive the generation; `source` is what %copy-words copies from and is copied.
  // Errors: kExhausted (a source longer than the limit), kUsage (a grammar that cannot begin without words to copy).
  [[nodiscard]] Result<void> reset(const Grammar& grammar, std::string_view source = {});

  // Sets bit `id` of `words` for every token that may come next, clears the others, and returns how many there are.
  // Tokens that end a generation are among them where the grammar may end. Errors: kExhausted (the grammar goes on in
  // more ways than the limits have room for, or in none: deeper than they allow).
  [[nodiscard]] Result<std::size_t> mask(std::span<std::uint64_t> words);

  // Goes on with `token`; false, and nothing changed, where it is not allowed.
  [[nodiscard]] bool accept(TokenId token);

  // The only token that may come next, where there is only one: it says nothing about what the model thinks.
  [[nodiscard]] std::optional<TokenId> forced();

  // Whether the text may end here.
  [[nodiscard]] bool may_finish() const { return ended_ || configurations_.may_end(path_[0]); }

  // Whether an end token was accepted, or nothing but one can come.
  [[nodiscard]] bool finished() const { return ended_ || !configurations_.may_go_on(path_[0]); }

 private:
  struct Remembered {
    Configuration at = kNowhere;
    std::size_t count = 0;
    std::vector<std::uint64_t> words;
  };

  template <class Found>
  void walk(std::span<const TrieEntry> entries, std::span<const std::uint8_t> entry_bytes, Found found);
  [[nodiscard]] std::size_t fill(std::span<std::uint64_t> words);
  [[nodiscard]] Result<std::size_t> checked(std::size_t count) const;

  const TokenTrie* trie_;
  Configurations configurations_;
  PlainRun plain_run_;
  std::vector<Configuration> path_;  // [longest token + 1] Where each beginning of the token in hand leads; [0] is now.
  std::vector<Remembered>
      remembered_;  // Masks of a few configurations: inside a string it is the same again and again.
  std::size_t next_remembered_ = 0;
  std::uint32_t generation_ = 0;
  bool ended_ = false;
};

}  // namespace linnet::text
