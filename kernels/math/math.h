// Exponential, sine, cosine and power that give the same bits on every machine.
//
// A C library's differ between versions and processors. These use only operations that IEEE 754 rounds exactly (add,
// multiply, divide, fma), in a fixed order; every vector variant of a kernel repeats that order lane by lane.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/math/exp_constants.h"

namespace linnet::kernels::math {

// e^x within 1 ulp; 0 below -104, infinity above 88.72, subnormal results rounded properly. NaN gives 0.
[[nodiscard]] inline float exp(float x) {
  x = x > Exp::kLowest ? x : Exp::kLowest;
  x = x < Exp::kHighest ? x : Exp::kHighest;
  const float shifted = std::fma(x, Exp::kLog2E, Exp::kRound);
  const float n = shifted - Exp::kRound;
  float r = std::fma(-n, Exp::kLn2High, x);
  r = std::fma(-n, Exp::kLn2Low, r);
  float q = std::fma(Exp::kC4, r, Exp::kC3);
  q = std::fma(q, r, Exp::kC2);
  q = std::fma(q, r, Exp::kC1);
  q = std::fma(q, r, Exp::kC0);
  const float p = std::fma(r * r, q, r) + 1.0F;
  // 2^n in two factors: n reaches -150 and 128, beyond what one float's exponent holds.
  const std::int32_t power = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(Exp::kRound);
  const std::int32_t half = power >> 1;
  const auto factor = [](std::int32_t exponent) { return std::bit_cast<float>((exponent + 127) << 23); };
  return p * factor(half) * factor(power - half);
}

// x / (1 + e^-x), the sigmoid linear unit (Elfwing et al. 2017).
[[nodiscard]] inline float silu(float x) { return x / (1.0F + exp(-x)); }

// x Phi(x) = x / 2 (1 + erf(x / sqrt 2)), the Gaussian error linear unit (Hendrycks and Gimpel 2016), within 2e-7 |x|:
// erf by formula 7.1.26 of Abramowitz and Stegun.
[[nodiscard]] inline float gelu(float x) {
  const float z = std::abs(x) * Gelu::kRootHalf;
  const float t = 1.0F / std::fma(Gelu::kP, z, 1.0F);
  float series = std::fma(Gelu::kA5, t, Gelu::kA4);
  series = std::fma(series, t, Gelu::kA3);
  series = std::fma(series, t, Gelu::kA2);
  series = std::fma(series, t, Gelu::kA1);
  const float upper = series * t * exp(-(z * z)) * 0.5F;  // 1 - Phi(|x|)
  return x * (x < 0.0F ? upper : 1.0F - upper);
}

// ln(1 + e^x), within 1 ulp; x itself above 20, where they differ by less than 1 ulp.
[[nodiscard]] float softplus(float x);

// Sine and cosine of an angle in radians, |angle| <= 2^30: absolute error below 3e-16.
[[nodiscard]] double sin(double angle);
[[nodiscard]] double cos(double angle);

// base^exponent for a normal base > 0 and a result in the normal range: relative error below 1e-14.
[[nodiscard]] double power(double base, double exponent);

}  // namespace linnet::kernels::math
