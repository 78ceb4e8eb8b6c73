// The product of the variants that have SDOT.
#pragma once

#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::tile_neon {

// A lane's four products of bytes are one instruction (SDOT); four activations are picked by its lane operand.
template <class Weights>
class DotProduct {
 public:
  void begin(std::int32_t start) { sums_ = vdupq_n_s32(start); }
  void add(const int8x16_t (&columns)[4], int8x16_t activations) {
    sums_ = vdotq_laneq_s32(sums_, columns[0], activations, 0);
    sums_ = vdotq_laneq_s32(sums_, columns[1], activations, 1);
    sums_ = vdotq_laneq_s32(sums_, columns[2], activations, 2);
    sums_ = vdotq_laneq_s32(sums_, columns[3], activations, 3);
  }
  int32x4_t sums() const { return sums_; }

 private:
  int32x4_t sums_;
};

}  // namespace linnet::kernels::tile_neon
