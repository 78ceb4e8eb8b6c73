// What the 256-bit variants share.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <immintrin.h>

#include "kernels/limits/limits.h"

namespace linnet::kernels::limits_avx2 {
namespace {

inline std::uint64_t sum_of(__m256i lanes) {
  std::uint64_t words[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), lanes);
  return words[0] + words[1] + words[2] + words[3];
}

inline std::uint64_t read(const std::uint64_t* words, std::size_t count) {
  __m256i sums[8];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < count; i += kReadWords) {
    const auto* from = reinterpret_cast<const __m256i*>(words + i);
    for (int k = 0; k < 8; ++k) sums[k] = _mm256_add_epi64(sums[k], _mm256_load_si256(from + k));
  }
  for (int k = 1; k < 8; ++k) sums[0] = _mm256_add_epi64(sums[0], sums[k]);
  return sum_of(sums[0]);
}

inline __m256i load(const void* numbers) { return _mm256_load_si256(static_cast<const __m256i*>(numbers)); }

// Two registers hold the 64 numbers of a side, so a round is 2 x kMultiplySums calls of add_products(sum, left, right),
// which adds the products of 32 numbers on each side to 8 sums; `registers` of them go on by themselves.
template <std::size_t registers, __m256i (*add_products)(__m256i sum, __m256i left, __m256i right)>
std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  const __m256i low = load(a);
  const __m256i high = load(a + 32);
  const __m256i right_low = load(b);
  const __m256i right_high = load(b + 32);
  __m256i sums[registers] = {};
  for (std::size_t round = 0; round < rounds; ++round) {
    each<kMultiplySums>([&](auto k) { sums[k % registers] = add_products(sums[k % registers], low, right_low); });
    each<kMultiplySums>([&](auto k) { sums[k % registers] = add_products(sums[k % registers], high, right_high); });
  }
  for (std::size_t k = 1; k < registers; ++k) sums[0] = _mm256_add_epi32(sums[0], sums[k]);
  std::uint32_t lanes[8];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sums[0]);
  std::uint32_t total = 0;
  for (const std::uint32_t lane : lanes) total += lane;
  return static_cast<std::int32_t>(total);
}

}  // namespace
}  // namespace linnet::kernels::limits_avx2
