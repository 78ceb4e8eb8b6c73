// Rotary position embedding (Su et al. 2021), in the two orders in which models pair their numbers.
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// Turns pair i of every head of one row by its angle, in place: `a' = a cos - b sin`, `b' = b cos + a sin`, each
// product and sum rounded once. Numbers of a head beyond 2 * pairs stay.
//
//   row      [heads, head_width]  head_width >= 2 * pairs
//   cosines  [pairs]              of this row's position
//   sines    [pairs]
using RotateFunction = void (*)(float* row, std::size_t heads, std::size_t head_width, const float* cosines,
                                const float* sines, std::size_t pairs);

struct Rotate {
  RotateFunction halves;       // Pair i is (i, i + pairs): Qwen, NeoX.
  RotateFunction interleaved;  // Pair i is (2 i, 2 i + 1): Llama in GGUF's order.
};

// Family name: "rotate".
[[nodiscard]] Variants<const Rotate*> rotate_variants();

// Pair i turns by position * frequencies[i], where frequencies[i] = base^(-i / pairs) (/ factors[i], where `factors` is
// not null: Llama 3's long contexts). Double, from our own power, sine and cosine.
void fill_frequencies(double base, std::size_t pairs, const float* factors, double* frequencies);

// The angles' cosines and sines at one position, rounded to float.
//
//   frequencies, cosines, sines  [pairs]
void fill_rotation(std::size_t position, const double* frequencies, std::size_t pairs, float* cosines, float* sines);

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Rotate kRotate;
}
namespace avx2 {
extern const Rotate kRotate;
}
namespace neon {
extern const Rotate kRotate;
}

}  // namespace linnet::kernels
