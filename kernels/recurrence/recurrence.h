// What layers with a recurrent state do with each token: a short convolution, and the gated delta rule (Yang et al.
// 2024).
//
// A state is a sum over all tokens before, so tokens are taken one at a time, in order; within a token no channel of a
// convolution and no column of a state meets another, which is what variants make parallel.
#pragma once

#include <cstddef>

#include "kernels/variant.h"

namespace linnet::kernels {

// A run of channels of a causal convolution over `taps` tokens, the newest among them.
struct ShortConvolution {
  float* past;           // [taps - 1, stride]: each channel's numbers of the tokens before, the oldest first
  std::size_t stride;    // Numbers from row to row of `past`
  const float* weights;  // [channels, taps], the oldest first
  std::size_t taps;      // 1 … 16
  std::size_t channels;
};

// One head's state and its numbers of one token.
struct DeltaStep {
  float* state;        // [key_width, value_width]
  const float* query;  // [key_width]
  const float* key;    // [key_width]
  const float* value;  // [value_width]
  std::size_t key_width;
  std::size_t value_width;
  float decay;  // What is left of the state, 0 … 1.
  float rate;   // How much of the difference is learned, 0 … 1.
};

struct Recurrence {
  // in_out[c] = silu(sum over taps, ascending from 0, sum = fma(number, weight, sum)); the numbers move on by one
  // token.
  //
  //   in_out  [channels]  this token's numbers, then the results
  void (*convolve)(const ShortConvolution& convolution, float* in_out);

  // The state forgets, learns that `key` means `value`, and is asked by `query`. For each column c, rows i ascending:
  //   s[i][c] = s[i][c] * decay;  held = fma(s[i][c], key[i], held), from 0
  //   change = (value[c] - held) * rate
  //   s[i][c] = fma(key[i], change, s[i][c]);  out[c] = fma(s[i][c], query[i], out[c]), from 0
  //
  //   out  [value_width]  overwritten; overlaps no input
  void (*delta)(const DeltaStep& step, float* out);
};

// Family name: "recurrence".
[[nodiscard]] Variants<const Recurrence*> recurrence_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Recurrence kRecurrence;
}
namespace avx2 {
extern const Recurrence kRecurrence;
}
namespace neon {
extern const Recurrence kRecurrence;
}

}  // namespace linnet::kernels
