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

// The instruction takes unsigned weights: signed codes become so by 128 more.
struct FourProducts {
  static constexpr int kLeastWork = 2;

  template <class Weights>
  static constexpr std::int32_t kOffset = Weights::kSigned ? 128 : Weights::kOffset;

  template <class Weights>
  static __m256i prepared(__m256i codes) {
    return Weights::kSigned ? _mm256_xor_si256(codes, _mm256_set1_epi8(-128)) : codes;
  }

  template <class Weights, std::size_t kTokens>
  static void dot(const std::byte* codes, std::size_t index, const std::int8_t* values,
                  __m256i (&dots)[kTokens][kHalves]) {
    constexpr std::size_t kChunks = 4 / Weights::kScales;
#pragma GCC unroll 4  // Written out: else constants are moved for each chunk.
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      const std::size_t c = index * kChunks + chunk;
      __m256i four[kHalves][2];
      for (std::size_t h = 0; h < kHalves; ++h) {
        Weights::unpack(codes, c, h, four[h][0], four[h][1]);
        for (__m256i& weights : four[h]) weights = Weights::kIsSlab ? weights : prepared<Weights>(weights);
      }
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256i activations = broadcast(values + q8_offset(t, kTokens, 8 * c + 4 * i));
          for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = add_products(dots[t][h], four[h][i], activations);
        }
      }
    }
  }
};

}  // namespace
}  // namespace linnet::kernels::tile_avx2
