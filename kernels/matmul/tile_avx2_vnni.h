// The product of the variants that have 256-bit VPDPBUSD, by either of its encodings.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/tile_avx2.h"

namespace linnet::kernels::tile_avx2 {
namespace {

// sums + the products of each lane's four unsigned and signed bytes.
inline __m256i add_products(__m256i sums, __m256i weights, __m256i activations) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sums, weights, activations);
#else
  return _mm256_dpbusd_epi32(sums, weights, activations);
#endif
}

// The instruction takes unsigned weights. Signed codes become so by 128 more, which the sums begin without; where a
// part has two scales, and so no sum of the activations of each, as |w| * (a with w's sign).
struct FourProducts {
  template <class Weights, std::size_t kTokens>
  static void dot(const std::byte* codes, std::size_t index, const std::int8_t* values, const std::int32_t* sums,
                  __m256i (&dots)[kTokens][kHalves]) {
    constexpr std::size_t kChunks = 4 / Weights::kScales;
    constexpr bool kTurnSigns = Weights::kSigned && Weights::kScales == 2;
    constexpr std::int32_t kOffset = Weights::kSigned && !kTurnSigns ? 128 : Weights::kOffset;
    for (std::size_t t = 0; t < kTokens; ++t) dots[t][0] = dots[t][1] = _mm256_set1_epi32(-kOffset * sums[t]);
    for (std::size_t c = index * kChunks; c < (index + 1) * kChunks; ++c) {
      for (std::size_t h = 0; h < kHalves; ++h) {
        __m256i four[2];
        Weights::unpack(codes, c, h, four[0], four[1]);
        for (std::size_t i = 0; i < 2; ++i) {
          if constexpr (Weights::kSigned && !kTurnSigns) four[i] = _mm256_xor_si256(four[i], _mm256_set1_epi8(-128));
          const __m256i magnitude = kTurnSigns ? _mm256_abs_epi8(four[i]) : four[i];
          for (std::size_t t = 0; t < kTokens; ++t) {
            const __m256i activations = broadcast(values + q8_offset(t, kTokens, 8 * c + 4 * i));
            const __m256i turned = kTurnSigns ? _mm256_sign_epi8(activations, four[i]) : activations;
            dots[t][h] = add_products(dots[t][h], magnitude, turned);
          }
        }
      }
    }
  }
};

}  // namespace
}  // namespace linnet::kernels::tile_avx2
