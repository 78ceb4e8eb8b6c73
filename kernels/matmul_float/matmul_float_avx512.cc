#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#  error "this file is compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include <immintrin.h>

#include "kernels/matmul_float/matmul_float.h"

namespace linnet::kernels::avx512 {
namespace {

// A tile is 4 weight rows times at most 6 activation rows: 24 accumulators of the 32 registers, 10 loads for 24 fmas.
constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileTokens = 6;

// How 16 weights become floats; `tail` reads only those of the mask, the others are 0.
struct F32 {
  static constexpr std::size_t kBytes = 4;
  static __m512 load(const std::byte* from) { return _mm512_loadu_ps(from); }
  static __m512 tail(const std::byte* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static __m512 widen(__m256i halves) { return _mm512_cvtph_ps(halves); }
  static __m512 load(const std::byte* from) {
    return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static __m512 tail(const std::byte* from, __mmask16 mask) { return widen(_mm256_maskz_loadu_epi16(mask, from)); }
};

struct BF16 {
  static constexpr std::size_t kBytes = 2;
  static __m512 widen(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  static __m512 load(const std::byte* from) {
    return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static __m512 tail(const std::byte* from, __mmask16 mask) { return widen(_mm256_maskz_loadu_epi16(mask, from)); }
};

// The first step of the tree for two accumulators: lanes i + 8 onto lanes i, a's eight sums before b's.
__m512 add_eights(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}

// The second for four of them: four sums each, in the order a, b, c, d.
__m512 add_fours(__m512 ab, __m512 cd) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xDD));
}

// Four accumulators of one weight row, one for each of four activation rows.
__m512 fours_of(const __m512 (&lanes)[4]) {
  return add_fours(add_eights(lanes[0], lanes[1]), add_eights(lanes[2], lanes[3]));
}

// The tree of 16 outputs at once. `lanes[i][t]` are the 16 lanes of weight row i and activation row t; four numbers of
// the result belong to each activation row.
__m512 totals(const __m512 (&lanes)[kTileRows][4]) {
  const __m512 rows[] = {fours_of(lanes[0]), fours_of(lanes[1]), fours_of(lanes[2]), fours_of(lanes[3])};
  const auto add_twos = [](__m512 a, __m512 b) {
    const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b));
    const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b));
    return _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
  };
  const __m512 first = add_twos(rows[0], rows[1]);
  const __m512 second = add_twos(rows[2], rows[3]);
  return _mm512_add_ps(_mm512_shuffle_ps(first, second, 0x88), _mm512_shuffle_ps(first, second, 0xDD));
}

void store_four(float* to, __m512 sums, std::size_t t, __mmask8 rows) {
  __m128 four = _mm512_castps512_ps128(sums);
  if (t == 1) four = _mm512_extractf32x4_ps(sums, 1);
  if (t == 2) four = _mm512_extractf32x4_ps(sums, 2);
  if (t == 3) four = _mm512_extractf32x4_ps(sums, 3);
  _mm_mask_storeu_ps(to, rows, four);
}

// Outputs of activation rows [kFirst, kFirst + 4) of a tile, as many as there are.
template <std::size_t kFirst, std::size_t kTokens>
void store_outputs(const __m512 (&lanes)[kTileRows][kTokens], std::size_t rows, float* out, std::size_t out_stride) {
  __m512 four[kTileRows][4];
  for (std::size_t i = 0; i < kTileRows; ++i) {
    for (std::size_t t = 0; t < 4; ++t) four[i][t] = lanes[i][kFirst + t < kTokens ? kFirst + t : kFirst];
  }
  const __m512 sums = totals(four);
  const auto mask = static_cast<__mmask8>((1U << rows) - 1);
  for (std::size_t t = 0; t < 4 && kFirst + t < kTokens; ++t) {
    store_four(out + (kFirst + t) * out_stride, sums, t, mask);
  }
}

// Where the weights of a tile lie. A tile at the end of the matrix has fewer rows; it computes its last one again and
// again, and stores it once.
struct TileWeights {
  const std::byte* rows[kTileRows];
  std::size_t count;
  std::size_t columns;
};

// The next tile's weights are asked for meanwhile: its four rows are too short, each, for the processor to foresee
// them, and from memory they come half as fast (MiniLM at batch 1: 1.74 s instead of 3.52).
template <class Weight, std::size_t kTokens>
void tile(const TileWeights& weights, const float* in, std::size_t in_stride, float* out, std::size_t out_stride) {
  __m512 lanes[kTileRows][kTokens];
  for (auto& row : lanes) {
    for (__m512& lane : row) lane = _mm512_setzero_ps();
  }
  const std::size_t whole = weights.columns / 16 * 16;
  const std::size_t ahead = kTileRows * weights.columns * Weight::kBytes;
  for (std::size_t c = 0; c < whole; c += 16) {
    __m512 w[kTileRows];
    for (std::size_t i = 0; i < kTileRows; ++i) {
      const std::byte* const from = weights.rows[i] + c * Weight::kBytes;
      w[i] = Weight::load(from);
      _mm_prefetch(from + ahead, _MM_HINT_T1);
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m512 x = _mm512_loadu_ps(in + t * in_stride + c);
      for (std::size_t i = 0; i < kTileRows; ++i) lanes[i][t] = _mm512_fmadd_ps(w[i], x, lanes[i][t]);
    }
  }
  if (whole < weights.columns) {
    const auto mask = static_cast<__mmask16>((1U << (weights.columns - whole)) - 1);
    for (std::size_t i = 0; i < kTileRows; ++i) {
      const __m512 w = Weight::tail(weights.rows[i] + whole * Weight::kBytes, mask);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const __m512 x = _mm512_maskz_loadu_ps(mask, in + t * in_stride + whole);
        lanes[i][t] = _mm512_mask3_fmadd_ps(w, x, lanes[i][t], mask);
      }
    }
  }
  store_outputs<0>(lanes, weights.count, out, out_stride);
  if constexpr (kTokens > 4) store_outputs<4>(lanes, weights.count, out, out_stride);
}

template <class Weight>
constexpr decltype(&tile<Weight, 1>) kTiles[] = {tile<Weight, 1>, tile<Weight, 2>, tile<Weight, 3>,
                                                 tile<Weight, 4>, tile<Weight, 5>, tile<Weight, 6>};

// Activation rows are dealt to tiles evenly (10 are 5 and 5), and a tile's weights pass through all of them while
// they lie in the first cache.
template <class Weight>
void multiply(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  const std::size_t tiles = (in.rows + kTileTokens - 1) / kTileTokens;
  for (std::size_t i = 0; i < matrix.rows; i += kTileRows) {
    TileWeights weights{.rows = {}, .count = matrix.rows - i, .columns = matrix.columns};
    if (weights.count > kTileRows) weights.count = kTileRows;
    for (std::size_t k = 0; k < kTileRows; ++k) {
      const std::size_t row = i + (k < weights.count ? k : weights.count - 1);
      weights.rows[k] = matrix.weights + row * matrix.columns * Weight::kBytes;
    }
    std::size_t r = 0;
    for (std::size_t left = tiles; left > 0; --left) {
      const std::size_t tokens = (in.rows - r + left - 1) / left;
      kTiles<Weight>[tokens - 1](weights, in.values + r * in.stride, in.stride, out + r * out_stride + i, out_stride);
      r += tokens;
    }
  }
}

}  // namespace

void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<F32>(matrix, in, out, out_stride);
}
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<F16>(matrix, in, out, out_stride);
}
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<BF16>(matrix, in, out, out_stride);
}

}  // namespace linnet::kernels::avx512
