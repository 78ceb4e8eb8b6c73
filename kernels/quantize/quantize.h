// Quantises activations to int8: once for all products that read them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/variant.h"

namespace linnet::kernels {

inline constexpr std::size_t kActivationBlock = 32;  // Activations that share a scale.

// Borrowed rows of int8 activations; element i of block b is about `scales[b] * values[32 b + i]`.
struct Q8Activations {
  const std::int8_t* values;  // [rows, columns], in -127 … 127.
  const float* scales;        // [rows, columns / 32]
  const std::int32_t* sums;   // [rows, columns / 32]: each block's sum of values.
  std::size_t rows;
  std::size_t columns;  // A multiple of 32.

  [[nodiscard]] constexpr std::size_t blocks() const { return columns / kActivationBlock; }
};

// One row, or several contiguous ones at once: blocks are independent.
//
// In each block of 32: `scale = amax / 127`, `value = round_to_even(x * (127 / amax))`. Where amax is below 2^-120 (127
// / amax would overflow), scale and values are 0.
//
//   in      [columns]       columns a multiple of 32
//   values  [columns]       overwritten, as are
//   scales  [columns / 32]
//   sums    [columns / 32]
using Quantize = void (*)(const float* in, std::size_t columns, std::int8_t* values, float* scales, std::int32_t* sums);

// Family name: "quantize".
[[nodiscard]] Variants<Quantize> quantize_variants();

inline constexpr float kLeastMagnitude = 0x1p-120F;  // Smaller blocks are zero.

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void quantize(const float* in, std::size_t columns, std::int8_t* values, float* scales, std::int32_t* sums);
}
namespace avx2 {
void quantize(const float* in, std::size_t columns, std::int8_t* values, float* scales, std::int32_t* sums);
}
namespace neon {
void quantize(const float* in, std::size_t columns, std::int8_t* values, float* scales, std::int32_t* sums);
}

}  // namespace linnet::kernels
