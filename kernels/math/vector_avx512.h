// Vector forms of canonical sums and of exp for the AVX-512 files: one register is the 16 lanes of every sum.
// Everything is static: an inline function of an ISA file that the linker kept for everyone would crash older
// processors.
#pragma once

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#  error "AVX-512 F, BW, DQ and VL are needed: this header is for the AVX-512 files alone"
#endif

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/math/exp_constants.h"

namespace linnet::kernels::avx512 {

// The first `count` lanes: all of them where it is 16 or more.
static inline __mmask16 first_lanes(std::size_t count) {
  return count < 16 ? static_cast<__mmask16>((1U << count) - 1) : static_cast<__mmask16>(0xFFFF);
}

// 16 halves as floats; where the mask is not set nothing is read and the lane is 0.
static inline __m512 load_f16(const std::uint16_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
static inline __m512 load_f16(const std::uint16_t* from, __mmask16 lanes) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, from));
}

// Lanes added by halves: i + 8, then i + 4, i + 2, i + 1.
static inline float total(__m512 sixteen) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sixteen), _mm512_extractf32x8_ps(sixteen, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Sixteen totals at once: lane 4 k + j is total(sums[j][k]).
static inline __m512 totals(const __m512 (&sums)[4][4]) {
  __m512 fours[4];
  for (std::size_t j = 0; j < 4; ++j) {
    __m512 eights[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const __m512 a = sums[j][2 * i];
      const __m512 b = sums[j][2 * i + 1];
      eights[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
    }
    fours[j] = _mm512_add_ps(_mm512_shuffle_f32x4(eights[0], eights[1], 0x88),
                             _mm512_shuffle_f32x4(eights[0], eights[1], 0xDD));
  }
  __m512 twos[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const __m512 a = fours[2 * i];
    const __m512 b = fours[2 * i + 1];
    twos[i] = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xEE));
  }
  return _mm512_add_ps(_mm512_shuffle_ps(twos[0], twos[1], 0x88), _mm512_shuffle_ps(twos[0], twos[1], 0xDD));
}

// math::exp, lane by lane.
static inline __m512 exp(__m512 x) {
  using math::Exp;
  x = _mm512_max_ps(x, _mm512_set1_ps(Exp::kLowest));
  x = _mm512_min_ps(x, _mm512_set1_ps(Exp::kHighest));
  const __m512 round = _mm512_set1_ps(Exp::kRound);
  const __m512 shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(Exp::kLog2E), round);
  const __m512 n = _mm512_sub_ps(shifted, round);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(Exp::kLn2High), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(Exp::kLn2Low), r);
  __m512 q = _mm512_fmadd_ps(_mm512_set1_ps(Exp::kC4), r, _mm512_set1_ps(Exp::kC3));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(Exp::kC2));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(Exp::kC1));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(Exp::kC0));
  const __m512 p = _mm512_add_ps(_mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r), _mm512_set1_ps(1.0F));
  const __m512i power = _mm512_sub_epi32(_mm512_castps_si512(shifted), _mm512_castps_si512(round));
  const __m512i half = _mm512_srai_epi32(power, 1);
  const __m512i bias = _mm512_set1_epi32(127);
  const __m512i first = _mm512_slli_epi32(_mm512_add_epi32(half, bias), 23);
  const __m512i second = _mm512_slli_epi32(_mm512_add_epi32(_mm512_sub_epi32(power, half), bias), 23);
  return _mm512_mul_ps(_mm512_mul_ps(p, _mm512_castsi512_ps(first)), _mm512_castsi512_ps(second));
}

}  // namespace linnet::kernels::avx512
