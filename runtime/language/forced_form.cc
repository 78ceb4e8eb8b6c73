#include "runtime/language/forced_form.h"

#include <algorithm>

namespace linnet::language {

Result<std::unique_ptr<ForcedForm>> ForcedForm::load(const gguf::Reader& file, const text::Tokenizer& tokenizer) {
  LINNET_TRY(const std::string_view source, file.string_or("linnet.grammar", ""));
  if (source.empty()) return std::unique_ptr<ForcedForm>();
  return compile(source, "linnet.grammar", tokenizer);
}

Result<std::unique_ptr<ForcedForm>> ForcedForm::compile(std::string_view grammar, const std::string& name,
                                                        const text::Tokenizer& tokenizer) {
  auto compiled = text::Grammar::compile(grammar);
  if (!compiled) return tl::unexpected(with_context(name, compiled.error()));
  return std::unique_ptr<ForcedForm>(new ForcedForm(name, std::move(*compiled), text::TokenTrie::build(tokenizer)));
}

std::unique_ptr<ForcedForm> ForcedForm::bare(const text::Tokenizer& tokenizer) {
  return std::unique_ptr<ForcedForm>(new ForcedForm("schema", std::nullopt, text::TokenTrie::build(tokenizer)));
}

Bytes ForcedForm::bare_memory(const text::Tokenizer& tokenizer) {
  const auto trie = text::TokenTrie::build(tokenizer);
  return {text::Constraint::bytes_for(trie) + (trie.token_count() + 63) / 64 * sizeof(std::uint64_t) +
          trie.plain().bytes()};
}

ForcedForm::ForcedForm(std::string name, std::optional<text::Grammar> grammar, text::TokenTrie trie)
    : name_(std::move(name)),
      grammar_(std::move(grammar)),
      trie_(std::move(trie)),
      constraint_(trie_),
      mask_(constraint_.mask_words()) {}

Result<void> ForcedForm::begin(std::string_view message) {
  failure_.reset();
  return constraint_.reset(held_ != nullptr ? *held_ : *grammar_, message);
}

engine::TokenMask ForcedForm::allowed() {
  const auto count = constraint_.mask(mask_);
  had_choice_ = count && *count > 1;
  if (count) return mask_;
  failure_ = count.error();
  std::ranges::fill(mask_, 0);
  return mask_;
}

void ForcedForm::accept(engine::TokenId token) {
  if (constraint_.accept(token)) return;
  failure_ = Error{ErrorKind::kExhausted, name_ + ": the answer left the grammar"};
}

Bytes ForcedForm::memory() const {
  return {text::Constraint::bytes_for(trie_) + mask_.size() * sizeof(mask_.front()) + trie_.plain().bytes() +
          (grammar_ ? grammar_->bytes() : 0)};
}

}  // namespace linnet::language
