// What a file says about its vocabulary, before anything is built from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/token.h"

namespace linnet::gguf {
class Reader;
}

namespace linnet::text {

// Views borrow the file; the fields are the `tokenizer.ggml.*` keys of the same names (GGUF specification).
// An absent key is an empty optional or an empty array.
struct VocabularySource {
  std::string_view model;  // "gpt2", "llama", "bert" …
  std::string_view pre;    // The pre-tokenizer's name, for "gpt2".
  std::size_t token_count = 0;
  std::vector<std::string_view> tokens;
  std::vector<TokenType> types;  // As many as tokens.
  std::vector<float> scores;     // As many as tokens, or none.
  std::vector<std::string_view> merges;

  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> eot;
  std::optional<TokenId> eom;
  std::optional<TokenId> unknown;
  std::optional<TokenId> separator;
  std::optional<TokenId> padding;
  std::optional<TokenId> cls;
  std::optional<TokenId> mask;
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::optional<bool> add_separator;
  std::optional<bool> add_space_prefix;
  std::optional<bool> lowercase;
  std::optional<bool> strip_accents;
};

// Which arrays of a file to read: the strings are not needed where lookup tables come with it.
enum class ReadArrays { kAll, kNone };

// Reads the keys. Errors: kAbsent (no tokenizer in the file), kMalformed (wrong type or length, an id outside).
[[nodiscard]] Result<VocabularySource> read_vocabulary(const gguf::Reader& file, ReadArrays arrays);

}  // namespace linnet::text
