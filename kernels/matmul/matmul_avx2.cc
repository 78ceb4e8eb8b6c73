#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#  error "this file is compiled with -mavx2 -mfma -mf16c"
#endif

#include <immintrin.h>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/matmul.h"

namespace linnet::kernels::avx2 {
namespace {

constexpr std::size_t kHalves = 2;    // A 256-bit register holds 8 of a panel's 16 rows, 4 columns each.
constexpr std::size_t kTileRows = 4;  // Activation rows at once: 8 integer accumulators of the 16 registers.
static_assert(kActivationRows % kTileRows == 0);
constexpr std::size_t kGroup = 4;  // Panels that stay in the L2 cache while all activations pass.
constexpr std::size_t kScaleBytes = 2 * kPanelRows;
constexpr std::size_t kNibbleBytes = 256;  // Of 16 rows x 32 columns.

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

// A format tells how many blocks of 32 columns a panel block holds (kParts), how many scales a row has in each
// (kScales), where the codes of part `part` start, and how columns 8 c … 8 c + 3 and 8 c + 4 … 8 c + 7 of a half's rows
// become registers. kRun products of pairs (maddubs) fit a lane of 16 bits before it must be widened. Signed codes are
// multiplied as |w| * (a with w's sign), unsigned ones as they are, and kOffset is taken off with the activations' sum.

// Formats of 32 columns: scales (and minima) first, then codes.
template <bool kMinimum, std::size_t kCodeBytes>
struct Block32 {
  static constexpr std::size_t kParts = 1;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kCodes = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kCodes + kCodeBytes;
  static constexpr bool kHasMinimum = kMinimum;

  static const std::byte* codes(const std::byte* block, std::size_t) { return block + kCodes; }
  static __m256 scales(const std::byte* block, std::size_t, std::size_t, std::size_t half) {
    return load_scales(block + 16 * half);
  }
  static __m256 minima(const std::byte* block, std::size_t, std::size_t half) {
    return load_scales(block + kScaleBytes + 16 * half);
  }
};

// 8 bits: a pair's product is at most 2 * 128 * 127 = 32,512, so maddubs never saturates.
struct SignedBytes {
  static constexpr bool kSigned = true;
  static constexpr std::size_t kRun = 1;
  static constexpr std::int32_t kOffset = 0;
};

struct Q8_0 : Block32<false, 512>, SignedBytes {
  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    first = load_bytes(codes + 128 * c + 32 * half);
    second = load_bytes(codes + 128 * c + 64 + 32 * half);
  }
};

void unpack_nibbles(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i both = load_bytes(codes + 64 * c + 32 * half);
  first = _mm256_and_si256(both, mask);
  second = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
}

// Looks the code book's values up.
struct IQ4_NL : Block32<false, kNibbleBytes>, SignedBytes {
  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kIQ4_NLValues)));
    unpack_nibbles(codes, c, half, first, second);
    first = _mm256_shuffle_epi8(table, first);
    second = _mm256_shuffle_epi8(table, second);
  }
};

// 4 bits: 16 products of at most 15 * 127 are 30,480: a lane takes a whole block.
template <class Base, std::int32_t kCodeOffset = 0>
struct Nibbles : Base {
  static constexpr bool kSigned = false;
  static constexpr std::size_t kRun = 8;
  static constexpr std::int32_t kOffset = kCodeOffset;
  static constexpr auto unpack = unpack_nibbles;
};

// 5 bits: 8 products of at most 31 * 127 are 31,496. Behind the nibbles lie the fifth bits: bit k of a byte belongs to
// columns 4 k … 4 k + 3.
template <class Base, std::int32_t kCodeOffset = 0>
struct Fives : Base {
  static constexpr bool kSigned = false;
  static constexpr std::size_t kRun = 4;
  static constexpr std::int32_t kOffset = kCodeOffset;

  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    unpack_nibbles(codes, c, half, first, second);
    const __m256i all = load_bytes(codes + kNibbleBytes + 32 * half);
    const __m256i pair = _mm256_srli_epi16(all, static_cast<int>(2 * c));  // Bits 0 and 1 are those of this chunk.
    const __m256i mask = _mm256_set1_epi8(16);
    first = _mm256_or_si256(first, _mm256_and_si256(_mm256_slli_epi16(pair, 4), mask));
    second = _mm256_or_si256(second, _mm256_and_si256(_mm256_slli_epi16(pair, 3), mask));
  }
};

using Q4_0 = Nibbles<Block32<false, kNibbleBytes>, 8>;
using Q4_1 = Nibbles<Block32<true, kNibbleBytes>>;
using Q5_0 = Fives<Block32<false, kNibbleBytes + 64>, 16>;
using Q5_1 = Fives<Block32<true, kNibbleBytes + 64>>;

// One scale for several parts of 32 columns.
template <std::size_t kGroupParts>
struct Grouped : Block32<false, kGroupParts * kNibbleBytes> {
  static constexpr std::size_t kParts = kGroupParts;
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return block + kScaleBytes + part * kNibbleBytes;
  }
};

using Q4_64 = Nibbles<Grouped<2>, 8>;
using Q4_128 = Nibbles<Grouped<4>, 8>;

__m128i load_eight(const std::byte* from) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)); }

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kCodeBytes;
  static constexpr std::size_t kBlockBytes = 2 * kScaleBytes + kParts * kPartBytes;
  static constexpr bool kHasMinimum = true;

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + 2 * kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
  static __m256 scales(const std::byte* block, std::size_t part, std::size_t, std::size_t half) {
    const __m256i sub = _mm256_cvtepu8_epi32(load_eight(part_of(block, part) + 8 * half));
    return _mm256_mul_ps(load_scales(block + 16 * half), _mm256_cvtepi32_ps(sub));
  }
  static __m256 minima(const std::byte* block, std::size_t part, std::size_t half) {
    const __m256i sub = _mm256_cvtepu8_epi32(load_eight(part_of(block, part) + kPanelRows + 8 * half));
    const __m256 product = _mm256_mul_ps(load_scales(block + kScaleBytes + 16 * half), _mm256_cvtepi32_ps(sub));
    return _mm256_xor_ps(product, _mm256_set1_ps(-0.0F));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part, and signed codes of 6 bits: 8 products of at most 32 * 127 are
// 32,512. Upper bits 2 k and 2 k + 1 of a byte of columns 16 h … 16 h + 15 belong to columns 16 h + 4 k … + 3.
struct Q6_K {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kScales = 2;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kNibbleBytes + 128;
  static constexpr std::size_t kBlockBytes = kScaleBytes + kParts * kPartBytes;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kSigned = true;
  static constexpr std::size_t kRun = 4;
  static constexpr std::int32_t kOffset = 0;

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
  static __m256 scales(const std::byte* block, std::size_t part, std::size_t index, std::size_t half) {
    const __m256i sub = _mm256_cvtepi8_epi32(load_eight(part_of(block, part) + kPanelRows * index + 8 * half));
    return _mm256_mul_ps(load_scales(block + 16 * half), _mm256_cvtepi32_ps(sub));
  }
  static void unpack(const std::byte* codes, std::size_t c, std::size_t half, __m256i& first, __m256i& second) {
    unpack_nibbles(codes, c, half, first, second);
    const __m256i all = load_bytes(codes + kNibbleBytes + 64 * (c / 2) + 32 * half);
    const __m256i four = c % 2 == 0 ? _mm256_slli_epi16(all, 4) : all;  // The pair of `first` at bits 4 and 5.
    const __m256i mask = _mm256_set1_epi8(0x30);
    const __m256i offset = _mm256_set1_epi8(32);
    first = _mm256_or_si256(first, _mm256_and_si256(four, mask));
    second = _mm256_or_si256(second, _mm256_and_si256(_mm256_srli_epi16(four, 2), mask));
    first = _mm256_sub_epi8(first, offset);
    second = _mm256_sub_epi8(second, offset);
  }
};

// Sums of neighbouring pairs' products, exact in 16 bits.
template <class Weights>
__m256i multiply(__m256i weights, __m256i activations) {
  if constexpr (Weights::kSigned) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights));
  } else {
    return _mm256_maddubs_epi16(weights, activations);
  }
}

// Exact products of a part's columns that share scale `index` with the kTokens rows of a block of activations, before
// the offset is taken off: dots[t][half].
template <class Weights, std::size_t kTokens>
void dot(const std::byte* codes, std::size_t index, const std::int8_t* values, __m256i (&dots)[kTokens][kHalves]) {
  constexpr std::size_t kEnd = 4 / Weights::kScales;           // Chunks of 8 columns.
  constexpr std::size_t kRunChunks = (Weights::kRun + 1) / 2;  // Of which so many are summed in 16 bits.
  constexpr bool kWidenEach = Weights::kRun == 1;
  for (auto& row : dots) row[0] = row[1] = _mm256_setzero_si256();
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
}

// One panel times kTokens activation rows of one tile, the first of which is row `r`.
template <class Weights, std::size_t kTokens>
void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
  const Q8Place place = in.place(r);
  __m256 accumulators[kTokens][kHalves];
  for (std::size_t t = 0; t < kTokens; ++t) accumulators[t][0] = accumulators[t][1] = _mm256_setzero_ps();
  for (std::size_t b = 0; b < in.blocks(); ++b) {
    const std::byte* const block = panel + b / Weights::kParts * Weights::kBlockBytes;
    const std::size_t part = b % Weights::kParts;
    const std::size_t first = place.first + b * place.stride;
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      __m256i dots[kTokens][kHalves];
      dot<Weights, kTokens>(Weights::codes(block, part), index, in.values + first * kActivationBlock, dots);
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256 scales = Weights::scales(block, part, index, h);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256i offset = _mm256_set1_epi32(Weights::kOffset * in.sums[first + t]);
          const __m256i exact = Weights::kOffset != 0 ? _mm256_sub_epi32(dots[t][h], offset) : dots[t][h];
          const __m256 scale = _mm256_set1_ps(in.scales[first + t]);
          __m256& accumulator = accumulators[t][h];
          accumulator = _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact), _mm256_mul_ps(scales, scale), accumulator);
        }
      }
    }
    if constexpr (Weights::kHasMinimum) {
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256 minima = Weights::minima(block, part, h);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256 scale = _mm256_set1_ps(in.scales[first + t]);
          const __m256 sum = _mm256_set1_ps(static_cast<float>(in.sums[first + t]));
          accumulators[t][h] = _mm256_fmadd_ps(sum, _mm256_mul_ps(minima, scale), accumulators[t][h]);
        }
      }
    }
  }
  for (std::size_t t = 0; t < kTokens; ++t) {
    _mm256_storeu_ps(out + t * out_stride, accumulators[t][0]);
    _mm256_storeu_ps(out + t * out_stride + 8, accumulators[t][1]);
  }
}

// Bytes of one panel.
template <class Weights>
std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

template <class Weights, std::size_t kTokens>
void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
           std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Weights, kTokens>(panels + p * panel_size<Weights>(in), in, r, out + r * out_stride + 16 * p, out_stride);
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
    const std::byte* const group = panels + p * panel_size<Weights>(in);
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

const MatMulSet kMatMuls = {
    .q8_0 = {one_row<Q8_0>, many_rows<Q8_0>},
    .q4_0 = {one_row<Q4_0>, many_rows<Q4_0>},
    .q4_1 = {one_row<Q4_1>, many_rows<Q4_1>},
    .q5_0 = {one_row<Q5_0>, many_rows<Q5_0>},
    .q5_1 = {one_row<Q5_1>, many_rows<Q5_1>},
    .iq4_nl = {one_row<IQ4_NL>, many_rows<IQ4_NL>},
    .q4_k = {one_row<Q4_K>, many_rows<Q4_K>},
    .q5_k = {one_row<Q5_K>, many_rows<Q5_K>},
    .q6_k = {one_row<Q6_K>, many_rows<Q6_K>},
    .q4_64 = {one_row<Q4_64>, many_rows<Q4_64>},
    .q4_128 = {one_row<Q4_128>, many_rows<Q4_128>},
};

}  // namespace linnet::kernels::avx2
