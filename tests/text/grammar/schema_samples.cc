// One random text that each schema's grammar allows, for the script that validates them:
// tests/data/text/check_schemas.py.
//
// Standard input has a schema a line; the answer is "text " and the text, or "refused " and the reason.
#include <cstdio>
#include <iostream>
#include <random>

#include "runtime/text/grammar/constraint.h"
#include "runtime/text/grammar/json_schema.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

constexpr std::size_t kFree = 150;  // Tokens taken at random; then what closes is preferred.
constexpr std::size_t kMost = 20'000;

// The weight of a token among those that are allowed.
double weight(const Tokenizer& tokenizer, TokenId token, std::size_t step) {
  if (tokenizer.ends_generation(token)) return step < kFree ? 20 : 1e9;
  const char last = tokenizer.piece(token).back();
  const bool closes = last == '"' || last == '}' || last == ']';
  if (step < kFree) return closes ? 4 : 1;
  // Brackets may be inside of a string that has to end otherwise.
  return last == '"' ? 1e4 : closes ? 30 : last == '{' || last == '[' ? 1e-3 : 1;
}

Result<std::string> sample(const std::string& schema, const TokenTrie& trie, Constraint& constraint,
                           std::mt19937& random) {
  LINNET_TRY(const std::string text, grammar_of_json_schema(schema));
  LINNET_TRY(const Grammar grammar, Grammar::compile(text));
  LINNET_CHECK(constraint.reset(grammar));
  const Tokenizer& tokenizer = trie.tokenizer();
  std::vector<std::uint64_t> mask(constraint.mask_words());
  std::string out;
  for (std::size_t step = 0; step < kMost; ++step) {
    LINNET_CHECK(constraint.mask(mask));
    std::vector<TokenId> allowed;
    std::vector<double> weights;
    for (TokenId id = 0; tokenizer.contains(id); ++id) {
      if ((mask[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) == 0) continue;
      allowed.push_back(id);
      weights.push_back(weight(tokenizer, id, step));
    }
    const TokenId next = allowed[std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(random)];
    if (!constraint.accept(next)) return fail(ErrorKind::kMalformed, "the mask allowed what accept() refused");
    if (tokenizer.ends_generation(next)) return out;
    out += tokenizer.piece(next);
  }
  return fail(ErrorKind::kExhausted, "no end");
}

int run() {
  SmallVocabulary vocabulary(
      {"\" :", "\" ,", "{ \"", "} }", "] ,", "Ã ©", "a b", "ab c", "1 2", "\": \"", "\" }", "[ ["});
  vocabulary.source().eos = vocabulary.add("<|im_end|>", TokenType::kControl);
  const auto tokenizer = Tokenizer::create(vocabulary.source());
  const TokenTrie trie = TokenTrie::build(*tokenizer);
  Constraint constraint(trie);
  std::mt19937 random(5);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = sample(line, trie, constraint, random);
    std::printf("%s %s\n", text ? "text" : "refused", text ? text->c_str() : text.error().message.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace linnet::text

int main() { return linnet::text::run(); }
