// Quantises activations to int8: once for all products that read them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/variant.h"

namespace linnet::kernels {

inline constexpr std::size_t kActivationBlock = 32;  // Activations that share a scale.

inline constexpr std::size_t kActivationRows = 8;  // Rows of a tile.

// Where a row's blocks lie: block b is number `first + b * stride`.
struct Q8Place {
  std::size_t first;
  std::size_t stride;
};

// Rows lie in tiles of kActivationRows, as a product reads them: a tile holds its rows' first blocks, then their second
// ones, and so on, in one stream. The last tile has the rows that are left over; so a single row lies in its own order.
constexpr Q8Place q8_place(std::size_t row, std::size_t rows, std::size_t blocks) {
  const std::size_t within = row % kActivationRows;
  const std::size_t left = rows - (row - within);
  return {(row - within) * blocks + within, left < kActivationRows ? left : kActivationRows};
}

// Borrowed int8 activations; element i of block n (by q8_place) is about `scales[n] * values[32 n + i]`.
struct Q8Activations {
  const std::int8_t* values;  // [rows * columns], in -127 … 127.
  const float* scales;        // [rows * columns / 32]
  const std::int32_t* sums;   // [rows * columns / 32]: each block's sum of values.
  std::size_t rows;
  std::size_t columns;  // A multiple of 32.

  [[nodiscard]] constexpr std::size_t blocks() const { return columns / kActivationBlock; }
  [[nodiscard]] constexpr Q8Place place(std::size_t row) const { return q8_place(row, rows, blocks()); }
};

// Where to write a row: block b's values to `values + 32 b * stride`, its scale and sum to number `b * stride`.
struct Q8Row {
  std::int8_t* values;
  float* scales;
  std::int32_t* sums;
  std::size_t stride;
};

// The place of one row among all, whose numbers start at the pointers of `all`.
constexpr Q8Row q8_row(const Q8Row& all, const Q8Place& place) {
  return {all.values + place.first * kActivationBlock, all.scales + place.first, all.sums + place.first, place.stride};
}

// One row, or with stride 1 several at once: blocks are independent.
//
// In each block of 32: `scale = amax / 127`, `value = round_to_even(x * (127 / amax))`. Where amax is below 2^-120 (127
// / amax would overflow), scale and values are 0.
//
//   in   [columns]  columns a multiple of 32
//   out             overwritten where its blocks lie
using Quantize = void (*)(const float* in, std::size_t columns, const Q8Row& out);

// Family name: "quantize".
[[nodiscard]] Variants<Quantize> quantize_variants();

inline constexpr float kLeastMagnitude = 0x1p-120F;  // Smaller blocks are zero.

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void quantize(const float* in, std::size_t columns, const Q8Row& out);
}
namespace avx2 {
void quantize(const float* in, std::size_t columns, const Q8Row& out);
}
namespace neon {
void quantize(const float* in, std::size_t columns, const Q8Row& out);
}

}  // namespace linnet::kernels
