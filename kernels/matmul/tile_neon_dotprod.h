// The product of one row with SDOT, for the variants that have it.
#pragma once

#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::tile_neon {
namespace {

// A lane's four products of bytes are one instruction (SDOT), whose lane operand picks four activations: those of
// columns 0 … 7 lie from lane kFirst of `first` on, those of 8 … 15 from lane kSecond of `second` on.
template <int kFirst, int kSecond>
inline int32x4_t dot_product(int32x4_t sums, const int8x16_t (&columns)[4], int8x16_t first, int8x16_t second) {
  sums = vdotq_laneq_s32(sums, columns[0], first, kFirst);
  sums = vdotq_laneq_s32(sums, columns[1], first, kFirst + 1);
  sums = vdotq_laneq_s32(sums, columns[2], second, kSecond);
  return vdotq_laneq_s32(sums, columns[3], second, kSecond + 1);
}

template <class Weights>
class DotProduct {
 public:
  void begin(std::int32_t start) { sums_ = vdupq_n_s32(start); }
  template <int kFirst, int kSecond>
  void add(const int8x16_t (&columns)[4], int8x16_t first, int8x16_t second) {
    sums_ = dot_product<kFirst, kSecond>(sums_, columns, first, second);
  }
  int32x4_t sums() const { return sums_; }
  void widen() {}

 private:
  int32x4_t sums_;
};

}  // namespace
}  // namespace linnet::kernels::tile_neon
