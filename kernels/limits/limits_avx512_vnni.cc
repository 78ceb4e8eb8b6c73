#if !defined(__AVX512VNNI__) || !defined(__AVX512BW__)
#  error "this file is compiled with -mavx512bw -mavx512vnni"
#endif

#include <immintrin.h>

#include "kernels/limits/limits.h"

namespace linnet::kernels::avx512_vnni {
namespace {

std::uint64_t read(const std::uint64_t* words, std::size_t count) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < count; i += kReadWords) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] = _mm512_add_epi64(sums[k], _mm512_load_si512(words + i + 8 * k));
  }
  sums[0] = _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3]));
  std::uint64_t lanes[8];
  _mm512_storeu_si512(lanes, sums[0]);
  std::uint64_t total = 0;
  for (const std::uint64_t lane : lanes) total += lane;
  return total;
}

__m512i add_products(__m512i sum, __m512i left, __m512i right) {
  sum = _mm512_dpbusd_epi32(sum, left, right);
  __asm__ volatile("" : "+v"(sum));  // Each sum goes on by itself.
  return sum;
}

std::int32_t multiply(const std::uint8_t* a, const std::int8_t* b, std::size_t rounds) {
  const __m512i left = _mm512_load_si512(a);
  const __m512i right = _mm512_load_si512(b);
  __m512i sums[kMultiplySums] = {};
  for (std::size_t round = 0; round < rounds; ++round) {
    each<kMultiplySums>([&](auto k) { sums[k] = add_products(sums[k], left, right); });
  }
  for (std::size_t k = 1; k < kMultiplySums; ++k) sums[0] = _mm512_add_epi32(sums[0], sums[k]);
  std::uint32_t lanes[16];
  _mm512_storeu_si512(lanes, sums[0]);
  std::uint32_t total = 0;
  for (const std::uint32_t lane : lanes) total += lane;
  return static_cast<std::int32_t>(total);
}

}  // namespace

const Limits kLimits = {read, multiply};

}  // namespace linnet::kernels::avx512_vnni
