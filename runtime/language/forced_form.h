// A form that an answer is held to, token by token: that of the model file (key linnet.grammar), or another's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/reader.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/engine/generator.h"
#include "runtime/text/grammar/constraint.h"
#include "runtime/text/grammar/grammar.h"
#include "runtime/text/grammar/token_trie.h"

namespace linnet::language {

// One answer at a time. Its memory is taken when it is loaded.
class ForcedForm final : public engine::TokenConstraint {
 public:
  // Null where the file has no grammar. `tokenizer` must outlive the form. Errors: those of text::Grammar::compile.
  [[nodiscard]] static Result<std::unique_ptr<ForcedForm>> load(const gguf::Reader& file,
                                                                const text::Tokenizer& tokenizer);

  // The form of `grammar`, which `name` stands for in errors.
  [[nodiscard]] static Result<std::unique_ptr<ForcedForm>> compile(std::string_view grammar, const std::string& name,
                                                                   const text::Tokenizer& tokenizer);

  // Without a grammar of its own: hold_to() comes before begin().
  [[nodiscard]] static std::unique_ptr<ForcedForm> bare(const text::Tokenizer& tokenizer);

  // What such a one will take.
  [[nodiscard]] static Bytes bare_memory(const text::Tokenizer& tokenizer);

  // From the next begin() on answers are held to `grammar`, which is borrowed; null: to the form's own.
  void hold_to(const text::Grammar* grammar) { held_ = grammar; }

  // Begins an answer to `message`, which the grammar may copy from. Errors: those of text::Constraint::reset.
  [[nodiscard]] Result<void> begin(std::string_view message);

  [[nodiscard]] engine::TokenMask allowed() override;

  // Whether the last allowed() left a choice: a token without one says nothing about the model's confidence.
  [[nodiscard]] bool had_choice() const { return had_choice_; }
  void accept(engine::TokenId token) override;

  // Why no token was allowed any more, where the grammar and not the model is at fault.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  // What its own grammar, automaton and mask take; the trie is the tokenizer's.
  [[nodiscard]] Bytes memory() const;

 private:
  ForcedForm(std::string name, std::optional<text::Grammar> grammar, text::TokenTrie trie);

  std::string name_;
  std::optional<text::Grammar> grammar_;
  const text::Grammar* held_ = nullptr;
  text::TokenTrie trie_;
  text::Constraint constraint_;
  std::vector<std::uint64_t> mask_;
  std::optional<Error> failure_;
  bool had_choice_ = false;
};

}  // namespace linnet::language
