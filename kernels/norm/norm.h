// Normalisation of one row: by its root mean square (Zhang and Sennrich 2019), to mean 0 and variance 1 (Ba et al.
// 2016), or to a length.
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

// in_out[i] = in_out[i] * (scale * (1 / sqrt(sum(in_out^2) + epsilon))): to a length of `scale`; the squares are summed
// in 16 virtual lanes of fma.
//
//   in_out  [width]
using UnitNorm = void (*)(float* in_out, float epsilon, float scale, std::size_t width);

// Family name of all: "norm".
[[nodiscard]] Variants<RmsNorm> rms_norm_variants();
[[nodiscard]] Variants<LayerNorm> layer_norm_variants();
[[nodiscard]] Variants<UnitNorm> unit_norm_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
void unit_norm(float* in_out, float epsilon, float scale, std::size_t width);
}  // namespace scalar
namespace avx2 {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
void unit_norm(float* in_out, float epsilon, float scale, std::size_t width);
}  // namespace avx2
namespace neon {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out);
void unit_norm(float* in_out, float epsilon, float scale, std::size_t width);
}  // namespace neon

}  // namespace linnet::kernels
