// Fuzz target: any grammar is refused with a place, or its masks hold exactly the tokens that accept() takes.
//
// Input: the grammar, a zero byte, the source text of %copy-words, a zero byte, bytes that choose among allowed tokens.
#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/text/grammar/constraint.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    SmallVocabulary vocabulary({"a b", "ab c", "\" ,", "{ \"", "Ã ©", "} }", "1 2", "Ġ a"});
    vocabulary.source().eos = vocabulary.add("<|im_end|>", TokenType::kControl);
    return std::move(*Tokenizer::create(vocabulary.source()));
  }();
  return made;
}

std::string_view take_part(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\0'), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return part;
}

void follow(Constraint& constraint, const Grammar& grammar, std::string_view source, std::string_view choices) {
  if (!constraint.reset(grammar, source)) return;
  std::vector<std::uint64_t> mask(constraint.mask_words());
  std::vector<TokenId> allowed;
  for (const char choice : choices.substr(0, 64)) {
    const auto count = constraint.mask(mask);
    if (!count) return;
    allowed.clear();
    for (TokenId id = 0; tokenizer().contains(id); ++id) {
      if (mask[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) allowed.push_back(id);
    }
    require(allowed.size() == *count);
    const auto forced = constraint.forced();
    require(forced.has_value() == (allowed.size() == 1));
    // Another constraint that goes the same way must agree; here the same one, on one token that is not allowed.
    const auto other = static_cast<TokenId>(static_cast<unsigned char>(choice));
    const bool fits = (mask[static_cast<std::size_t>(other) / 64] >> (other % 64) & 1) != 0;
    if (!fits) require(!constraint.accept(other));
    require(constraint.accept(allowed[static_cast<unsigned char>(choice) % allowed.size()]));
    if (constraint.finished()) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view text = take_part(rest);
  const std::string_view source = take_part(rest);
  const auto grammar = Grammar::compile(text, {.text_bytes = 4096, .rules = 64, .states = 4096, .repeats = 64});
  if (!grammar) {
    require(grammar.error().message.starts_with("grammar: "));
    require(grammar.error().message.find('\n') == std::string::npos);
    return 0;
  }
  static const TokenTrie trie = TokenTrie::build(tokenizer());
  static Constraint constraint(trie, {.source_bytes = 64, .depth = 16, .words = 1 << 14, .stacks = 256});
  follow(constraint, *grammar, source, rest);
  return 0;
}

}  // namespace linnet::text
