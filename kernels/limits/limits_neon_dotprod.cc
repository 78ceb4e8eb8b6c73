#if !defined(__ARM_FEATURE_DOTPROD)
#  error "this file is compiled with -march=armv8.2-a+dotprod"
#endif

#include <arm_neon.h>

#include "kernels/limits/limits.h"

namespace linnet::kernels::neon_dotprod {
namespace {

// Reading is as with NEON alone; a pointer to that would be initialised at start, and this table is a constant.
std::uint64_t read(const std::uint64_t* words, std::size_t count) { return neon::kLimits.read(words, count); }

int32x4_t add_products(int32x4_t sum, int8x16_t left, int8x16_t right) {
  sum = vdotq_s32(sum, left, right);
  __asm__ volatile("" : "+w"(sum));  // Each sum goes on by itself.
  return sum;
}

std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  int8x16_t left[4];
  int8x16_t right[4];
  for (std::size_t part = 0; part < 4; ++part) {
    left[part] = vreinterpretq_s8_u8(vld1q_u8(a + 16 * part));
    right[part] = vld1q_s8(b + 16 * part);
  }
  int32x4_t sums[kMultiplySums] = {};
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t part = 0; part < 4; ++part) {
      each<kMultiplySums>([&](auto k) { sums[k] = add_products(sums[k], left[part], right[part]); });
    }
  }
  for (std::size_t k = 1; k < kMultiplySums; ++k) sums[0] = vaddq_s32(sums[0], sums[k]);
  return vaddvq_s32(sums[0]);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::neon_dotprod
