#include <arm_neon.h>

#include "kernels/limits/limits.h"

namespace linnet::kernels::neon {
namespace {

std::uint64_t read(const std::uint64_t* words, std::size_t count) {
  uint64x2_t sums[8];
  for (uint64x2_t& sum : sums) sum = vdupq_n_u64(0);
  for (std::size_t i = 0; i < count; i += kReadWords) {
    for (std::size_t k = 0; k < 16; ++k) sums[k % 8] = vaddq_u64(sums[k % 8], vld1q_u64(words + i + 2 * k));
  }
  for (int k = 1; k < 8; ++k) sums[0] = vaddq_u64(sums[0], sums[k]);
  return vgetq_lane_u64(sums[0], 0) + vgetq_lane_u64(sums[0], 1);
}

int8x16_t opaque(int8x16_t value) {  // Else the compiler multiplies once and adds that up.
  __asm__ volatile("" : "+w"(value));
  return value;
}

// Products of 16 bits, widened in pairs: what ARMv8.0 offers.
int32x4_t add_products(int32x4_t sum, int8x16_t left, int8x16_t right) {
  sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(left), vget_low_s8(right)));
  return vpadalq_s16(sum, vmull_high_s8(left, right));
}

std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  int32x4_t sums[kMultiplySums] = {};
  for (std::size_t part = 0; part < kMultiplyOperands; part += 16) {
    int8x16_t left = vreinterpretq_s8_u8(vld1q_u8(a + part));
    const int8x16_t right = vld1q_s8(b + part);
    for (std::size_t round = 0; round < rounds; ++round) {
      each<kMultiplySums>([&](auto k) {
        left = opaque(left);
        sums[k] = add_products(sums[k], left, right);
      });
    }
  }
  for (std::size_t k = 1; k < kMultiplySums; ++k) sums[0] = vaddq_s32(sums[0], sums[k]);
  return vaddvq_s32(sums[0]);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::neon
