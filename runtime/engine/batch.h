// What one step of the model computes: rows of any mix of sequences.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/engine/kv_cache.h"

namespace linnet::engine {

// One token to compute.
struct BatchRow {
  TokenId token = 0;
  SequenceId sequence{};
  std::uint32_t position = 0;  // The rows of a sequence continue it: its length, then ascending by 1.
  bool wants_logits = false;
};

// Rows of any mix of sequences; those of one sequence in the order of their positions.
using Batch = std::span<const BatchRow>;

}  // namespace linnet::engine
