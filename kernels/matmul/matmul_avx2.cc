#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#  error "this file is compiled with -mavx2 -mfma -mf16c"
#endif

#include <immintrin.h>

#include "kernels/matmul/matmul.h"

namespace linnet::kernels::avx2 {
namespace {

constexpr std::size_t kHalves = 2;    // A 256-bit register holds 8 of a panel's 16 rows, 4 columns each.
constexpr std::size_t kTileRows = 4;  // Activation rows a tile: 8 integer accumulators of the 16 registers.
constexpr std::size_t kGroup = 4;     // Panels that stay in the L2 cache while all activations pass.
constexpr std::size_t kScaleBytes = 2 * kPanelRows;

__m256i load_bytes(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

__m256 load_scales(const std::byte* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// Four neighbouring activations in every lane.
__m256i broadcast(const std::int8_t* four) {
  std::int32_t bits;
  __builtin_memcpy(&bits, four, sizeof bits);
  return _mm256_set1_epi32(bits);
}

__m256i sum_pairs(__m256i sixteen) { return _mm256_madd_epi16(sixteen, _mm256_set1_epi16(1)); }

// Exact block products of kTokens activation rows (`stride` apart) with a panel block's rows: dots[t][half].
//
// 8 bits: |w| * (a with w's sign) is at most 2 * 128 * 127 = 32,512 for a pair, so maddubs never saturates.
struct Q8_0 {
  static constexpr std::size_t kBlockBytes = 544;
  static constexpr bool kHasMinimum = false;

  template <std::size_t kTokens>
  static void dots(const std::byte* block, const std::int8_t* values, std::size_t stride, const std::int32_t*,
                   std::size_t, __m256i (&dots)[kTokens][kHalves]) {
    for (std::size_t t = 0; t < kTokens; ++t) dots[t][0] = dots[t][1] = _mm256_setzero_si256();
    for (std::size_t c = 0; c < 8; ++c) {
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256i weights = load_bytes(block + kScaleBytes + 64 * c + 32 * h);
        const __m256i magnitude = _mm256_abs_epi8(weights);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256i activation = _mm256_sign_epi8(broadcast(values + t * stride + 4 * c), weights);
          const __m256i product = sum_pairs(_mm256_maddubs_epi16(magnitude, activation));
          dots[t][h] = _mm256_add_epi32(dots[t][h], product);
        }
      }
    }
  }
};

// 4 bits: a lane of 16 bits takes 16 products of at most 15 * 127: 30,480, so all eight maddubs of a block are added
// before the one widening. The offset is taken off with the activations' sum.
template <std::int32_t kOffset, bool kMinimum>
struct Nibbles {
  static constexpr std::size_t kChunks = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kChunks + 256;
  static constexpr bool kHasMinimum = kMinimum;

  template <std::size_t kTokens>
  static void dots(const std::byte* block, const std::int8_t* values, std::size_t stride, const std::int32_t* sums,
                   std::size_t sum_stride, __m256i (&dots)[kTokens][kHalves]) {
    for (std::size_t t = 0; t < kTokens; ++t) dots[t][0] = dots[t][1] = _mm256_setzero_si256();
    const __m256i mask = _mm256_set1_epi8(15);
    for (std::size_t c = 0; c < 4; ++c) {
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256i both = load_bytes(block + kChunks + 64 * c + 32 * h);
        const __m256i low = _mm256_and_si256(both, mask);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const std::int8_t* const eight = values + t * stride + 8 * c;
          dots[t][h] = _mm256_add_epi16(dots[t][h], _mm256_maddubs_epi16(low, broadcast(eight)));
          dots[t][h] = _mm256_add_epi16(dots[t][h], _mm256_maddubs_epi16(high, broadcast(eight + 4)));
        }
      }
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m256i offset = _mm256_set1_epi32(kOffset * sums[t * sum_stride]);
      for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_sub_epi32(sum_pairs(dots[t][h]), offset);
    }
  }
};

using Q4_0 = Nibbles<8, false>;
using Q4_1 = Nibbles<0, true>;

// One panel times kTokens activation rows, the first of which is row `r`.
template <class Weights, std::size_t kTokens>
void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
  const std::size_t blocks = in.blocks();
  __m256 accumulators[kTokens][kHalves];
  for (std::size_t t = 0; t < kTokens; ++t) accumulators[t][0] = accumulators[t][1] = _mm256_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b, panel += Weights::kBlockBytes) {
    const std::size_t first = r * blocks + b;
    __m256i dots[kTokens][kHalves];
    Weights::template dots<kTokens>(panel, in.values + first * kActivationBlock, in.columns, in.sums + first, blocks,
                                    dots);
    for (std::size_t h = 0; h < kHalves; ++h) {
      const __m256 scales = load_scales(panel + 16 * h);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const __m256 scale = _mm256_set1_ps(in.scales[first + t * blocks]);
        __m256& accumulator = accumulators[t][h];
        accumulator = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[t][h]), _mm256_mul_ps(scales, scale), accumulator);
        if constexpr (Weights::kHasMinimum) {
          const __m256 sum = _mm256_set1_ps(static_cast<float>(in.sums[first + t * blocks]));
          const __m256 minima = load_scales(panel + kScaleBytes + 16 * h);
          accumulator = _mm256_fmadd_ps(sum, _mm256_mul_ps(minima, scale), accumulator);
        }
      }
    }
  }
  for (std::size_t t = 0; t < kTokens; ++t) {
    _mm256_storeu_ps(out + t * out_stride, accumulators[t][0]);
    _mm256_storeu_ps(out + t * out_stride + 8, accumulators[t][1]);
  }
}

template <class Weights, std::size_t kTokens>
void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
           std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Weights, kTokens>(panels + p * in.blocks() * Weights::kBlockBytes, in, r, out + r * out_stride + 16 * p,
                           out_stride);
  }
}

template <class Weights>
void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
             std::size_t out_stride) {
  tiles<Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

template <class Weights>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * in.blocks() * Weights::kBlockBytes;
    float* const group_out = out + 16 * p;
    std::size_t r = 0;
    for (; r + kTileRows <= in.rows; r += kTileRows) {
      tiles<Weights, kTileRows>(group, count, in, r, group_out, out_stride);
    }
    switch (in.rows - r) {
      case 3: tiles<Weights, 3>(group, count, in, r, group_out, out_stride); break;
      case 2: tiles<Weights, 2>(group, count, in, r, group_out, out_stride); break;
      case 1: tiles<Weights, 1>(group, count, in, r, group_out, out_stride); break;
      default: break;
    }
  }
}

}  // namespace

const MatMul kMatMulQ8_0{one_row<Q8_0>, many_rows<Q8_0>};
const MatMul kMatMulQ4_0{one_row<Q4_0>, many_rows<Q4_0>};
const MatMul kMatMulQ4_1{one_row<Q4_1>, many_rows<Q4_1>};

}  // namespace linnet::kernels::avx2
