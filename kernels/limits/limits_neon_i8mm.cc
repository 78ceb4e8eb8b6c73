#if !defined(__ARM_FEATURE_MATMUL_INT8)
#  error "this file is compiled with -march=armv8.2-a+dotprod+i8mm"
#endif

#include <arm_neon.h>

#include "kernels/limits/limits.h"

namespace linnet::kernels::neon_i8mm {
namespace {

constexpr std::size_t kLanes = 4;    // Sums that one SMMLA goes on with: two rows times two rows.
constexpr std::size_t kColumns = 8;  // And columns of each.
constexpr std::size_t kEights = kMultiplyOperands / kColumns;
static_assert(kMultiplySums % kLanes == 0);

// Reading is as with NEON alone; a pointer to that would be initialised at start, and this table is a constant.
std::uint64_t read(const std::uint64_t* words, std::size_t count) { return neon::kLimits.read(words, count); }

int32x4_t add_products(int32x4_t sum, int8x16_t left, int8x16_t right) {
  sum = vmmlaq_s32(sum, left, right);
  __asm__ volatile("" : "+w"(sum));  // Each sum goes on by itself.
  return sum;
}

// Both rows are the same eight numbers, so that each of the four lanes is a sum of its own.
std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  int8x16_t left[kEights];
  int8x16_t right[kEights];
  int32x4_t sums[kEights];
  for (std::size_t eight = 0; eight < kEights; ++eight) {
    const int8x8_t from_a = vreinterpret_s8_u8(vld1_u8(a + kColumns * eight));
    const int8x8_t from_b = vld1_s8(b + kColumns * eight);
    left[eight] = vcombine_s8(from_a, from_a);
    right[eight] = vcombine_s8(from_b, from_b);
    sums[eight] = vdupq_n_s32(0);
  }
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t four = 0; four < kMultiplySums; four += kLanes) {
      each<kEights>([&](auto k) { sums[k] = add_products(sums[k], left[k], right[k]); });
    }
  }
  for (std::size_t eight = 1; eight < kEights; ++eight) sums[0] = vaddq_s32(sums[0], sums[eight]);
  return vaddvq_s32(sums[0]);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::neon_i8mm
