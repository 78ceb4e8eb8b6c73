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

// Products of 16 bits, widened in pairs: what ARMv8.0 offers.
std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  int8x16_t left[4];
  int8x16_t right[4];
  for (std::size_t part = 0; part < 4; ++part) {
    left[part] = vreinterpretq_s8_u8(vld1q_u8(a + 16 * part));
    right[part] = vld1q_s8(b + 16 * part);
  }
  int32x4_t sums[kMultiplySums];
  for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (int32x4_t& sum : sums) {
      for (std::size_t part = 0; part < 4; ++part) {
        __asm__ volatile("" : "+w"(left[part]));  // Else the compiler multiplies once and adds that up.
        const int16x8_t low = vmull_s8(vget_low_s8(left[part]), vget_low_s8(right[part]));
        sum = vpadalq_s16(sum, low);
        sum = vpadalq_s16(sum, vmull_high_s8(left[part], right[part]));
      }
    }
  }
  for (std::size_t k = 1; k < kMultiplySums; ++k) sums[0] = vaddq_s32(sums[0], sums[k]);
  return vaddvq_s32(sums[0]);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::neon
