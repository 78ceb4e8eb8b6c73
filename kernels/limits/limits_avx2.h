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

// Two registers hold the 64 numbers of a side, so a round is 2 x kMultiplySums calls of add_products(sum, left, right),
// which adds the products of 32 numbers on each side to 8 sums.
template <__m256i (*add_products)(__m256i sum, __m256i left, __m256i right)>
std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  __m256i left[2] = {_mm256_load_si256(reinterpret_cast<const __m256i*>(a)),
                     _mm256_load_si256(reinterpret_cast<const __m256i*>(a + 32))};
  const __m256i right[2] = {_mm256_load_si256(reinterpret_cast<const __m256i*>(b)),
                            _mm256_load_si256(reinterpret_cast<const __m256i*>(b + 32))};
  __m256i sums[kMultiplySums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (__m256i& sum : sums) {
      for (int half = 0; half < 2; ++half) {
        __asm__ volatile("" : "+x"(left[half]));  // Else the compiler multiplies once and adds that up.
        sum = add_products(sum, left[half], right[half]);
      }
    }
  }
  for (std::size_t k = 1; k < kMultiplySums; ++k) sums[0] = _mm256_add_epi32(sums[0], sums[k]);
  std::uint32_t lanes[8];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sums[0]);
  std::uint32_t total = 0;
  for (const std::uint32_t lane : lanes) total += lane;
  return static_cast<std::int32_t>(total);
}

}  // namespace
}  // namespace linnet::kernels::limits_avx2
