#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#  error "this file is compiled with -mavx2 -mfma -mf16c"
#endif

#include "kernels/matmul/tile_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

using tile_avx2::broadcast;
using tile_avx2::clear;
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
  static constexpr int kLeastWork = 1;

  template <class Weights>
  static constexpr std::int32_t kOffset = Weights::kOffset;

  template <class Weights>
  static __m256i prepared(__m256i codes) {
    return codes;
  }

  template <class Weights, std::size_t kTokens>
  static void dot(const std::byte* codes, std::size_t index, const std::int8_t* values,
                  __m256i (&dots)[kTokens][kHalves]) {
    constexpr std::size_t kEnd = 4 / Weights::kScales;           // Chunks of 8 columns.
    constexpr std::size_t kRunChunks = (Weights::kRun + 1) / 2;  // Of which so many are summed in 16 bits.
    for (std::size_t c = index * kEnd; c < (index + 1) * kEnd; c += kRunChunks) {
      add_run<Weights>(codes, c, values, dots);
    }
  }

 private:
  // The chunks from `begin` on whose products are summed in 16 bits; where none may be, one chunk.
  template <class Weights, std::size_t kTokens>
  [[gnu::always_inline]] static void add_run(const std::byte* codes, std::size_t begin, const std::int8_t* values,
                                             __m256i (&dots)[kTokens][kHalves]) {
    constexpr bool kWidenEach = Weights::kRun == 1;
    __m256i narrow[kTokens][kHalves];
    if constexpr (!kWidenEach) clear(narrow);
#pragma GCC unroll 4
    for (std::size_t c = begin; c < begin + (Weights::kRun + 1) / 2; ++c) {
      __m256i fours[2][kHalves];
      for (std::size_t h = 0; h < kHalves; ++h) Weights::unpack(codes, c, h, fours[0][h], fours[1][h]);
#pragma GCC unroll 2
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256i activations = broadcast(values + q8_offset(t, kTokens, 8 * c + 4 * i));
          for (std::size_t h = 0; h < kHalves; ++h) {
            const __m256i pairs = multiply<Weights>(fours[i][h], activations);
            if constexpr (kWidenEach) {
              dots[t][h] = _mm256_add_epi32(dots[t][h], sum_pairs(pairs));
            } else {
              narrow[t][h] = _mm256_add_epi16(narrow[t][h], pairs);
            }
          }
        }
        if constexpr (kWidenEach)
          stay(dots);
        else
          stay(narrow);
      }
    }
    for (std::size_t t = 0; !kWidenEach && t < kTokens; ++t) {
      for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_add_epi32(dots[t][h], sum_pairs(narrow[t][h]));
    }
  }

  // Sums are in registers here: g++ 12 else begins the next products so early that there is no room for them.
  template <std::size_t kTokens>
  [[gnu::always_inline]] static void stay(__m256i (&sums)[kTokens][kHalves]) {
    for (auto& row : sums) {
      for (__m256i& sum : row) asm("" : "+x"(sum));
    }
  }
};

}  // namespace

const MatMulSet kMatMuls = tile_avx2::every_format<PairProducts>();

}  // namespace linnet::kernels::avx2
