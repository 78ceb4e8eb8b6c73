// Rounding of a scaled weight to an integer code, for the reference quantisers.
#pragma once

#include <cmath>
#include <cstddef>

namespace linnet::kernels {

// The integer nearest to x (halves away from zero) in [low, high]; `low` for NaN.
[[nodiscard]] inline int nearest_code(float x, int low, int high) {
  const float rounded = std::round(x);
  if (!(rounded > static_cast<float>(low))) return low;
  return rounded < static_cast<float>(high) ? static_cast<int>(rounded) : high;
}

// 1 / scale, or 0 where that is no finite number: a block of zeros, or of numbers too small for a scale.
[[nodiscard]] inline float inverse_or_zero(float scale) {
  const float inverse = scale != 0.0F ? 1.0F / scale : 0.0F;
  return std::isfinite(inverse) ? inverse : 0.0F;
}

}  // namespace linnet::kernels
