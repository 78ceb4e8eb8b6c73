// Fuzz target: a GGUF file's vocabulary, packed tables among it, is refused or can be used completely.
#include <cstdlib>
#include <vector>

#include "models/gguf/reader.h"
#include "runtime/text/grammar/constraint.h"
#include "runtime/text/tokenizer.h"

namespace linnet::text {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void use(const Tokenizer& tokenizer) {
  constexpr std::string_view kText = "Hello <|im_end|> wörld\n\n  123 abc\xFF";
  std::vector<std::byte> scratch(tokenizer.scratch_bytes(256));
  std::vector<TokenId> ids(64);
  const auto count = tokenizer.encode(kText, {.parse_special = true}, ids, scratch);
  for (std::size_t i = 0; i < count.value_or(0); ++i) require(tokenizer.contains(ids[i]));
  std::size_t seen = 0;
  for (TokenId id = 0; tokenizer.contains(id); ++id) {
    seen += tokenizer.name(id).size() + tokenizer.piece(id).size() + (tokenizer.ends_generation(id) ? 1 : 0);
  }
  const auto grammar = Grammar::compile("root ::= [a-z ]* \"b\"");
  const TokenTrie trie = TokenTrie::build(tokenizer);
  Constraint constraint(trie, {.source_bytes = 16, .words = 4096, .stacks = 64});
  std::vector<std::uint64_t> mask(constraint.mask_words());
  require(constraint.reset(*grammar).has_value());
  (void)constraint.mask(mask);
  require(seen < SIZE_MAX);
}

}  // namespace
}  // namespace linnet::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The tables of a mapped file are aligned as its tensors are; so is this copy.
  std::vector<std::uint64_t> copy(size / 8 + 1);
  std::copy_n(data, size, reinterpret_cast<std::uint8_t*>(copy.data()));
  const auto reader = linnet::gguf::Reader::open(std::as_bytes(std::span(copy)).first(size));
  if (!reader) return 0;
  const auto tokenizer = linnet::text::Tokenizer::load(*reader);
  if (tokenizer) linnet::text::use(*tokenizer);
  return 0;
}
