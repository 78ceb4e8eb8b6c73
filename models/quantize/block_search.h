// Finds, for one block of weights, the scale whose rounding loses least.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

#include "kernels/formats/format.h"
#include "kernels/formats/iq4_nl.h"

namespace linnet::quantize {

// One f16 scale a block and no minimum: weight = scale * code, where codes are the integers from low to high or, with a
// code book, its values.
struct SymmetricFormat {
  kernels::Format format;
  float low;       // Least code.
  float high;      // Greatest code.
  bool code_book;  // IQ4_NL's 16 values; zero is not among them.
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

// The codes nearest to `x`: integers, halves to even.
struct NearestInteger {
  float low;
  float high;

  [[nodiscard]] float operator()(float x) const {
    constexpr float kShift = 12582912.0F;  // 1.5 * 2^23: leaves no fraction, halves go to even.
    const float clipped = std::min(std::max(x, low), high);
    return (clipped + kShift) - kShift;
  }
};

// Values of the code book, of two equally near the lower.
struct NearestOfBook {
  [[nodiscard]] float operator()(float x) const {
    float code = kernels::kIQ4_NLValues[0];
    for (std::size_t i = 1; i < std::size(kernels::kIQ4_NLValues); ++i) {
      const auto below = static_cast<float>(kernels::kIQ4_NLValues[i - 1]);
      const auto value = static_cast<float>(kernels::kIQ4_NLValues[i]);
      code = x > 0.5F * (below + value) ? value : code;
    }
    return code;
  }
};

// Writes one block of the format: its scale, which must be an f16's value, and its codes.
void store_codes(const SymmetricFormat& format, std::span<const std::int8_t> codes, float scale, std::byte* block);

// Quantises a row with the scales found. `importance` has one number a column, or is empty: all columns count alike.
// `row` has kernels::row_bytes().
void quantize_row(const SymmetricFormat& format, std::span<const float> weights, std::span<const float> importance,
                  std::byte* row);

}  // namespace linnet::quantize
