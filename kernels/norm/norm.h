// Normalisation of one row: by its root mean square (Zhang and Sennrich 2019), or to mean 0 and variance 1 (Ba et al.
// 2016).
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// out[i] = (in[i] * (1 / sqrt(mean(in^2) + epsilon))) * weight[i]; the squares are summed in 16 virtual lanes of fma.
//
//   in      [width]
//   weight  [width]
//   out     [width]  may be `in` itself
using RmsNorm = void (*)(const float* in, const float* weight, float epsilon, std::size_t width, float* out);

// out[i] = ((in[i] - mean) * (1 / sqrt(variance + epsilon))) * weight[i] + bias[i]; sums of the numbers, then of (in -
// mean)^2, run over 16 virtual lanes, the latter of fma.
//
//   in      [width]
//   weight  [width]
//   bias    [width]
//   out     [width]  may be `in` itself
using LayerNorm = void (*)(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width,
                           float* out);

// Family name of both: "norm".
[[nodiscard]] Variants<RmsNorm> rms_norm_variants();
[[nodiscard]] Variants<LayerNorm> layer_norm_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
}  // namespace scalar
namespace avx2 {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
}  // namespace avx2
namespace neon {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
}  // namespace neon

}  // namespace linnet::kernels
