#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#  error "this file is compiled with -mavx2 -mfma -mf16c"
#endif

#include "kernels/matmul/tile_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

using tile_avx2::broadcast;
using tile_avx2::kHalves;

__m256i sum_pairs(__m256i sixteen) { return _mm256_madd_epi16(sixteen, _mm256_set1_epi16(1)); }

// Sums of neighbouring pairs' products, exact in 16 bits.
template <class Weights>
__m256i multiply(__m256i weights, __m256i activations) {
  if constexpr (Weights::kSigned) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights));
  } else {
    return _mm256_maddubs_epi16(weights, activations);
  }
}

// Products of pairs are summed in 16 bits for as long as they fit. Signed codes are multiplied as |w| * (a with w's
// sign), unsigned ones as they are.
struct PairProducts {
  template <class Weights, std::size_t kTokens>
  static void dot(const std::byte* codes, std::size_t index, const std::int8_t* values, const std::int32_t* sums,
                  __m256i (&dots)[kTokens][kHalves]) {
    constexpr std::size_t kEnd = 4 / Weights::kScales;           // Chunks of 8 columns.
    constexpr std::size_t kRunChunks = (Weights::kRun + 1) / 2;  // Of which so many are summed in 16 bits.
    constexpr bool kWidenEach = Weights::kRun == 1;
    for (std::size_t run = 0; run < kEnd; run += kRunChunks) {
      __m256i narrow[kTokens][kHalves];
      for (auto& row : narrow) row[0] = row[1] = _mm256_setzero_si256();
      for (std::size_t c = index * kEnd + run; c < index * kEnd + run + kRunChunks; ++c) {
        for (std::size_t h = 0; h < kHalves; ++h) {
          __m256i first;
          __m256i second;
          Weights::unpack(codes, c, h, first, second);
          for (std::size_t t = 0; t < kTokens; ++t) {
            const std::int8_t* const eight = values + q8_offset(t, kTokens, 8 * c);
            const __m256i low = multiply<Weights>(first, broadcast(eight));
            const __m256i high = multiply<Weights>(second, broadcast(eight + 4));
            if constexpr (kWidenEach) {
              dots[t][h] = _mm256_add_epi32(_mm256_add_epi32(dots[t][h], sum_pairs(low)), sum_pairs(high));
            } else {
              narrow[t][h] = _mm256_add_epi16(_mm256_add_epi16(narrow[t][h], low), high);
            }
          }
        }
      }
      if constexpr (!kWidenEach) {
        for (std::size_t t = 0; t < kTokens; ++t) {
          for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_add_epi32(dots[t][h], sum_pairs(narrow[t][h]));
        }
      }
    }
    if constexpr (Weights::kOffset != 0) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        const __m256i offset = _mm256_set1_epi32(Weights::kOffset * sums[t]);
        for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_sub_epi32(dots[t][h], offset);
      }
    }
  }
};

}  // namespace

const MatMulSet kMatMuls = tile_avx2::every_format<PairProducts>();

}  // namespace linnet::kernels::avx2
