// What the operations of a program have cost: the ground of `linnet bench --profile`.
#pragma once

#include <cstdint>

#include "models/program.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/weights.h"

namespace linnet::engine {

// Sums over the calls since the profile was set: one entry a step of the program.
struct StepCost {
  double milliseconds = 0;
  std::uint64_t weight_bytes = 0;  // Read from the model.
  std::uint64_t cache_bytes = 0;   // Read from and written to the KV cache.
  std::uint64_t multiply_adds = 0;
  std::uint64_t calls = 0;
};

// The rows that a step works on.
struct StepRows {
  Batch batch;
  kernels::CacheFormat format;  // Of the KV cache.
  std::size_t outputs = 0;
};

// Adds what one call of `operation` reads and computes (not its time).
void add_cost(StepCost& cost, const models::Operation& operation, const models::Program& program,
              const Weights& weights, const StepRows& rows);

}  // namespace linnet::engine
