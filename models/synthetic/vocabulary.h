// A made-up byte-level BPE vocabulary of a real one's size, with the real one's special tokens at their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/writer.h"
#include "models/synthetic/shape.h"

namespace linnet::synthetic {

// What tokenizer.ggml.* says. Every entry past the 256 bytes that is not special is the sum of one merge of two earlier
// entries, so that any reader can build its tables from it.
struct Vocabulary {
  std::string_view pre;  // tokenizer.ggml.pre
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;  // tokenizer.ggml.token_type: 1 normal, 3 control, 5 unused.
  std::vector<std::string> merges;  // "left right"
  std::uint32_t bos = 0;
  std::uint32_t eos = 0;
  bool add_bos = false;
  std::string_view chat_template;
};

[[nodiscard]] Vocabulary make_vocabulary(const Shape& shape, std::uint64_t seed);

// Sets the tokenizer.* keys.
void describe(const Vocabulary& vocabulary, gguf::Writer& writer);

}  // namespace linnet::synthetic
