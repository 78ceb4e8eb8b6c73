// Vector forms of canonical sums and of exp for the AVX2 files. Everything is static: an inline function of an ISA file
// that the linker kept for everyone would crash older processors.
#pragma once

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#  error "AVX2, FMA and F16C are needed: this header is for the AVX2 files alone"
#endif

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/math/exp_constants.h"

namespace linnet::kernels::avx2 {

// All ones in the first `count` lanes (0 … 8).
static inline __m256i first_lanes(std::size_t count) {
  alignas(32) static const std::int32_t kOnesThenZeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kOnesThenZeros + 8 - (count < 8 ? count : 8)));
}

// 8 halves as floats; `count` of them, the others 0.
static inline __m256 load_f16(const void* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from)));
}
static inline __m256 load_f16_tail(const void* from, std::size_t count) {
  std::uint16_t halves[8] = {};
  for (std::size_t i = 0; i < 8 && i < count; ++i) halves[i] = static_cast<const std::uint16_t*>(from)[i];
  return load_f16(halves);
}

// Lanes added by halves: i + 8, then i + 4, i + 2, i + 1. `low` holds lanes 0 … 7, `high` 8 … 15.
static inline float total(__m256 low, __m256 high) {
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The 16 lanes' total of what `add(numbers, lane)` adds; lanes beyond a tail stay as they are.
template <class Add>
static inline float lane_total(const float* in, std::size_t width, Add add) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= width; i += 16) {
    low = add(_mm256_loadu_ps(in + i), low);
    high = add(_mm256_loadu_ps(in + i + 8), high);
  }
  const auto add_tail = [&](std::size_t first, __m256 lane) {
    if (first >= width) return lane;
    const __m256i mask = first_lanes(width - first);
    return _mm256_blendv_ps(lane, add(_mm256_maskload_ps(in + first, mask), lane), _mm256_castsi256_ps(mask));
  };
  low = add_tail(i, low);
  high = add_tail(i + 8, high);
  return total(low, high);
}

// lane = fma(a, b, lane) where the mask is set, else lane as it was.
static inline __m256 multiply_add_where(__m256i mask, __m256 a, __m256 b, __m256 lane) {
  return _mm256_blendv_ps(lane, _mm256_fmadd_ps(a, b, lane), _mm256_castsi256_ps(mask));
}

// math::exp, lane by lane.
static inline __m256 exp(__m256 x) {
  using math::Exp;
  x = _mm256_max_ps(x, _mm256_set1_ps(Exp::kLowest));
  x = _mm256_min_ps(x, _mm256_set1_ps(Exp::kHighest));
  const __m256 round = _mm256_set1_ps(Exp::kRound);
  const __m256 shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(Exp::kLog2E), round);
  const __m256 n = _mm256_sub_ps(shifted, round);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(Exp::kLn2High), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(Exp::kLn2Low), r);
  __m256 q = _mm256_fmadd_ps(_mm256_set1_ps(Exp::kC4), r, _mm256_set1_ps(Exp::kC3));
  q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(Exp::kC2));
  q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(Exp::kC1));
  q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(Exp::kC0));
  const __m256 p = _mm256_add_ps(_mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r), _mm256_set1_ps(1.0F));
  const __m256i power = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(round));
  const __m256i half = _mm256_srai_epi32(power, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(power, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

}  // namespace linnet::kernels::avx2
