// How a decoder ends: the last norm and the product with the vocabulary, for the rows that asked for logits.
#pragma once

#include <cstddef>

#include "models/program_builder.h"

namespace linnet::models {

inline constexpr const char* kHeadTensor = "output.weight";

struct DecoderHead {
  std::size_t width = 0;
  std::size_t vocabulary = 0;
  float epsilon = 0;
  bool tied = false;  // The file has no head of its own: the embedding is multiplied.
};

// logits = W_head norm(the selected rows of `hidden`). Returns the logits' buffer, [outputs, vocabulary].
[[nodiscard]] BufferId write_head(ProgramBuilder& program, BufferId hidden, const DecoderHead& head);

}  // namespace linnet::models
