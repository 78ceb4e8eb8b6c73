// Operations on single numbers of a row: activation function, residual and bias sums, scaling.
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// The numbers of a clamped swiglu.
struct Swiglu {
  float slope = 1.702F;
  float limit = 7.0F;
};

// All over [count] numbers; `out` may be any of the inputs itself, but overlaps them in no other way. One rounding an
// operation.
struct Elementwise {
  // out = silu(gate) * up, silu(x) = x / (1 + e^-x)
  void (*silu_multiply)(const float* gate, const float* up, float* out, std::size_t count);
  // out = value / (1 + e^-gate)
  void (*sigmoid_multiply)(const float* gate, const float* value, float* out, std::size_t count);
  // out = (u + 1) * (g / (1 + e^-(slope * g))), g = min(gate, limit), u = up within +-limit: as gpt-oss has it
  void (*clamped_swiglu)(const float* gate, const float* up, const Swiglu& form, float* out, std::size_t count);
  // out = a + b: a residual, or a row and its bias
  void (*add)(const float* a, const float* b, float* out, std::size_t count);
  // out = in * factor
  void (*scale)(const float* in, float factor, float* out, std::size_t count);
  // out = gelu(in) (kernels/math)
  void (*gelu)(const float* in, float* out, std::size_t count);
};

// Family name: "elementwise".
[[nodiscard]] Variants<const Elementwise*> elementwise_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Elementwise kElementwise;
}
namespace avx2 {
extern const Elementwise kElementwise;
}
namespace neon {
extern const Elementwise kElementwise;
}

}  // namespace linnet::kernels
