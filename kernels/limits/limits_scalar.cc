#include "kernels/limits/limits.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

std::uint64_t read(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[4] = {};
  for (std::size_t i = 0; i < count; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += words[i + lane];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// Each of the kMultiplySums sums takes the whole product; their total is what a round adds.
std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  std::uint32_t total = 0;
  for (std::size_t round = 0; round < rounds * kMultiplySums; ++round) {
    for (std::size_t i = 0; i < kMultiplyOperands; ++i) {
      std::int32_t left = a[i];
      __asm__ volatile("" : "+r"(left));  // Else the compiler multiplies once and adds that up.
      total += static_cast<std::uint32_t>(left * b[i]);
    }
  }
  return static_cast<std::int32_t>(total);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::LINNET_SCALAR
