// How many tokens a model file has, by all that say it.
#pragma once

#include <cstddef>

#include "models/keys.h"
#include "models/registry.h"
#include "runtime/base/result.h"

namespace linnet::models {

inline constexpr const char* kEmbeddingTensor = "token_embd.weight";

// The rows of the embedding; every other count (the key vocab_size, the tokenizer's list) must be the same. Errors:
// kMalformed.
[[nodiscard]] Result<std::size_t> read_vocabulary(const ModelFile& file, const Keys& keys);

}  // namespace linnet::models
