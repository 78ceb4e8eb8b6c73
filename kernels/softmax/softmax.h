// The denominator of a softmax over a whole vocabulary, which the probability of a sampled token needs.
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// Sum of e^((logit - largest) / temperature) over [count] logits, none of them above `largest`; number i is of lane
// i mod 16 (canonical arithmetic). Within 2e-5 over 150,000.
using SoftmaxMass = float (*)(const float* logits, std::size_t count, float largest, float temperature);

// Family name: "softmax".
[[nodiscard]] Variants<SoftmaxMass> softmax_mass_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
float softmax_mass(const float* logits, std::size_t count, float largest, float temperature);
}
namespace avx2 {
float softmax_mass(const float* logits, std::size_t count, float largest, float temperature);
}
namespace neon {
float softmax_mass(const float* logits, std::size_t count, float largest, float temperature);
}

}  // namespace linnet::kernels
