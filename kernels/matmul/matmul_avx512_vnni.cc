#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#  error "this file is compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni"
#endif

#include <immintrin.h>

#include "kernels/matmul/matmul.h"

namespace linnet::kernels::avx512_vnni {
namespace {

constexpr std::size_t kTileRows = 8;  // Activation rows a tile: 8 integer and 8 float accumulators of 32 registers.
constexpr std::size_t kGroup = 4;     // Panels that stay in the L2 cache while all activations pass.
constexpr std::size_t kScaleBytes = 2 * kPanelRows;

__m512i load_bytes(const std::byte* from) { return _mm512_loadu_si512(from); }

__m512 load_scales(const std::byte* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Four neighbouring activations in every lane.
__m512i broadcast(const std::int8_t* four) {
  std::int32_t bits;
  __builtin_memcpy(&bits, four, sizeof bits);
  return _mm512_set1_epi32(bits);
}

// vpdpbusd multiplies unsigned by signed bytes, so weights are made unsigned by an offset; the accumulators start at
// -offset * sum of the activations, which takes it off again. Exact in int32.

struct Q8_0 {
  static constexpr std::size_t kChunks = kScaleBytes;
  static constexpr std::size_t kBlockBytes = kChunks + 512;
  static constexpr std::int32_t kOffset = 128;
  static constexpr bool kHasMinimum = false;

  // The two registers of columns 8 c … 8 c + 3 and 8 c + 4 … 8 c + 7.
  static void unpack(const std::byte* chunks, std::size_t c, __m512i& first, __m512i& second) {
    const __m512i sign = _mm512_set1_epi8(-128);
    first = _mm512_xor_si512(load_bytes(chunks + 128 * c), sign);
    second = _mm512_xor_si512(load_bytes(chunks + 128 * c + 64), sign);
  }
};

template <std::int32_t kNibbleOffset, bool kMinimum>
struct Nibbles {
  static constexpr std::size_t kChunks = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kChunks + 256;
  static constexpr std::int32_t kOffset = kNibbleOffset;
  static constexpr bool kHasMinimum = kMinimum;

  static void unpack(const std::byte* chunks, std::size_t c, __m512i& first, __m512i& second) {
    const __m512i mask = _mm512_set1_epi8(15);
    const __m512i both = load_bytes(chunks + 64 * c);
    first = _mm512_and_si512(both, mask);
    second = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
  }
};

using Q4_0 = Nibbles<8, false>;
using Q4_1 = Nibbles<0, true>;

// One panel times kTokens activation rows, the first of which is row `r`.
template <class Weights, std::size_t kTokens>
void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
  const std::size_t blocks = in.blocks();
  __m512 accumulators[kTokens];
  for (std::size_t t = 0; t < kTokens; ++t) accumulators[t] = _mm512_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b, panel += Weights::kBlockBytes) {
    const std::size_t first_block = r * blocks + b;
    const std::int8_t* const values = in.values + first_block * kActivationBlock;
    const std::int32_t* const sums = in.sums + first_block;
    __m512i dots[kTokens];
    for (std::size_t t = 0; t < kTokens; ++t) dots[t] = _mm512_set1_epi32(-Weights::kOffset * sums[t * blocks]);
    __m512i odd = _mm512_setzero_si512();  // One row alone: two chains, as vpdpbusd takes 4 cycles.
    for (std::size_t c = 0; c < 4; ++c) {
      __m512i first;
      __m512i second;
      Weights::unpack(panel + Weights::kChunks, c, first, second);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const std::int8_t* const eight = values + t * in.columns + 8 * c;
        dots[t] = _mm512_dpbusd_epi32(dots[t], first, broadcast(eight));
        __m512i& other = kTokens == 1 ? odd : dots[t];
        other = _mm512_dpbusd_epi32(other, second, broadcast(eight + 4));
      }
    }
    if constexpr (kTokens == 1) dots[0] = _mm512_add_epi32(dots[0], odd);
    const __m512 scales = load_scales(panel);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m512 scale = _mm512_set1_ps(in.scales[first_block + t * blocks]);
      accumulators[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t]), _mm512_mul_ps(scales, scale), accumulators[t]);
      if constexpr (Weights::kHasMinimum) {
        const __m512 sum = _mm512_set1_ps(static_cast<float>(sums[t * blocks]));
        const __m512 minima = load_scales(panel + kScaleBytes);
        accumulators[t] = _mm512_fmadd_ps(sum, _mm512_mul_ps(minima, scale), accumulators[t]);
      }
    }
  }
  for (std::size_t t = 0; t < kTokens; ++t) _mm512_storeu_ps(out + t * out_stride, accumulators[t]);
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

// The rows left over after whole tiles: fewer than kTileRows.
template <class Weights>
void last_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
               std::size_t out_stride) {
  switch (in.rows - r) {
    case 7: tiles<Weights, 7>(panels, panel_count, in, r, out, out_stride); break;
    case 6: tiles<Weights, 6>(panels, panel_count, in, r, out, out_stride); break;
    case 5: tiles<Weights, 5>(panels, panel_count, in, r, out, out_stride); break;
    case 4: tiles<Weights, 4>(panels, panel_count, in, r, out, out_stride); break;
    case 3: tiles<Weights, 3>(panels, panel_count, in, r, out, out_stride); break;
    case 2: tiles<Weights, 2>(panels, panel_count, in, r, out, out_stride); break;
    case 1: tiles<Weights, 1>(panels, panel_count, in, r, out, out_stride); break;
    default: break;
  }
}

template <class Weights>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * in.blocks() * Weights::kBlockBytes;
    std::size_t r = 0;
    for (; r + kTileRows <= in.rows; r += kTileRows) {
      tiles<Weights, kTileRows>(group, count, in, r, out + 16 * p, out_stride);
    }
    last_rows<Weights>(group, count, in, r, out + 16 * p, out_stride);
  }
}

}  // namespace

const MatMul kMatMulQ8_0{one_row<Q8_0>, many_rows<Q8_0>};
const MatMul kMatMulQ4_0{one_row<Q4_0>, many_rows<Q4_0>};
const MatMul kMatMulQ4_1{one_row<Q4_1>, many_rows<Q4_1>};

}  // namespace linnet::kernels::avx512_vnni
