// Finds, for one block of weights, the scale whose rounding loses least.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/formats/format.h"

namespace linnet::quantize {

// Symmetric integer codes with one f16 scale a block: weight = scale * code.
struct SymmetricFormat {
  kernels::Format format;
  float low;   // Least code.
  float high;  // Greatest code.
  // Scales tried: the weight of largest magnitude over these divisors, both signs where the codes are lopsided.
  float first_divisor;
  float last_divisor;
  float divisor_step;
};

// The search's parameters of a format, or nothing where it has none (floats, formats with a minimum).
[[nodiscard]] std::optional<SymmetricFormat> symmetric_format(kernels::Format format);

// The f16 scale that (nearly) minimises sum of importance * (weight - scale * code)^2 over the block, where each code
// is the nearest one: a grid of scales, each judged by the least-squares scale of its codes; the best is refined by
// alternating codes and scale, then compared as f16 with the scale of plain rounding. Never
// worse than plain rounding to nearest. `importance` has one positive number a weight. A weight that is not finite
// gives an unspecified scale.
[[nodiscard]] float search_scale(const SymmetricFormat& format, std::span<const float> weights,
                                 std::span<const float> importance);

// Writes one block of the format: its scale, which must be an f16's value, and its codes, each from low to high.
void store_codes(const SymmetricFormat& format, std::span<const std::int8_t> codes, float scale, std::byte* block);

// Quantises a row with the scales found. `importance` has one number a column, or is empty: all columns count alike.
// `row` has kernels::row_bytes().
void quantize_row(const SymmetricFormat& format, std::span<const float> weights, std::span<const float> importance,
                  std::byte* row);

}  // namespace linnet::quantize
