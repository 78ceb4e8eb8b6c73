// Where each buffer of a program lies: buffers that never live at the same time share memory.
#pragma once

#include <cstddef>
#include <vector>

#include "models/program.h"

namespace linnet::engine {

inline constexpr std::size_t kRowAlignment = 16;  // Floats: rows start at cache lines.

// A buffer's place, in floats.
struct PlannedBuffer {
  std::size_t offset = 0;
  std::size_t stride = 0;  // From row to row: the width, rounded up to kRowAlignment.
  std::size_t rows = 0;
  std::size_t first_step = 0;  // It lives from this step of the program to the last, inclusive.
  std::size_t last_step = 0;

  [[nodiscard]] std::size_t size() const { return rows * stride; }
};

struct BufferPlan {
  std::vector<PlannedBuffer> buffers;  // One a buffer of the program.
  std::size_t size = 0;                // Floats in all.
};

// `program` must have no fault. Buffers with RowsOf::kTokens get `rows` rows, the others `outputs`. The logits lie by
// themselves behind all others: they are read after the last step, and reported as a row of their own.
[[nodiscard]] BufferPlan plan_buffers(const models::Program& program, std::size_t rows, std::size_t outputs);

}  // namespace linnet::engine
