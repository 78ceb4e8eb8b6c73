// Root-mean-square normalisation of one row (Zhang and Sennrich 2019).
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

// Family name: "norm".
[[nodiscard]] Variants<RmsNorm> rms_norm_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
}
namespace avx2 {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
}
namespace neon {
void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out);
}

}  // namespace linnet::kernels
