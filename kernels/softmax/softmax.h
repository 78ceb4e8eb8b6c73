// What choosing a token reads of a whole vocabulary: the largest logit, and the denominator of the softmax.
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// Sum of e^((logit - largest) / temperature) over [count] logits, none of them above `largest`; number i is of lane
// i mod 16 (canonical arithmetic). Within 2e-5 over 150,000.
using SoftmaxMass = float (*)(const float* logits, std::size_t count, float largest, float temperature);

// The index of the largest of [count] logits, of equals the first; `count` where one of them is not finite or there are
// none.
using LargestLogit = std::size_t (*)(const float* logits, std::size_t count);

struct Softmax {
  SoftmaxMass mass;
  LargestLogit largest;
};

// Family name: "softmax".
[[nodiscard]] Variants<const Softmax*> softmax_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Softmax kSoftmax;
}
namespace avx2 {
extern const Softmax kSoftmax;
}
namespace avx512 {
extern const Softmax kSoftmax;
}
namespace neon {
extern const Softmax kSoftmax;
}

}  // namespace linnet::kernels
