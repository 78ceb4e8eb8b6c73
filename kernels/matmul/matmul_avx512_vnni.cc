#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#  error "this file is compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni"
#endif

#include "kernels/matmul/slab_avx512.h"

namespace linnet::kernels::avx512_vnni {
namespace {

constexpr std::size_t kTileRows = kActivationRows;  // 8 integer and 8 float accumulators of 32 registers.
constexpr std::size_t kGroup = 4;                   // Panels that stay in the L2 cache while all activations pass.
constexpr int kLeastWork = 2;                       // From which on unpacking a slab once repays.

// Adds the products of four weights a lane and four neighbouring activations, which are an operand in memory: a load of
// their own (what GCC 12 makes of the intrinsics) fills the window of instructions under way with as many again.
[[gnu::always_inline]] inline void add_products(__m512i& sum, __m512i weights, const std::int8_t* four) {
#if defined(__GNUC__) && !defined(__clang__)
  using Four = std::int8_t[4];
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(*reinterpret_cast<const Four*>(four)));
#else
  std::int32_t bits;
  __builtin_memcpy(&bits, four, sizeof bits);
  sum = _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(bits));
#endif
}

// The blocks of kTokens activation rows that one pass over a panel takes: the first is row `row`'s block `first`.
struct Blocks {
  std::size_t row;
  std::size_t first;
  std::size_t count;
};

// What all panels need of a pass's activations beside their values, prepared once for a group of panels: reading it
// as a broadcast operand leaves the ports of vpdpbusd free.
template <class Weights>
struct Prepared {
  static constexpr std::size_t kEntries = 1024;
  static constexpr std::size_t kScales = Weights::kScales;

  alignas(64) std::int32_t starts[kEntries * kScales];  // -kOffset * sum of the columns that share a scale.
  alignas(64) float sums[Weights::kHasMinimum ? kEntries : 1];
};

// Blocks a pass: whole super-blocks.
template <std::size_t kTokens>
constexpr std::size_t kPassBlocks = Prepared<Q8_0>::kEntries / kTokens / 8 * 8;

// Sums of 16 activations each, of one row alone: {first half, second half}.
void sum_halves(const std::int8_t* values, std::int32_t factor, std::int32_t* sums) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
  const __m256i fours = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), bytes);
  const __m256i eights = _mm256_add_epi32(fours, _mm256_shuffle_epi32(fours, 0x4E));
  const __m256i halves = _mm256_add_epi32(eights, _mm256_shuffle_epi32(eights, 0xB1));
  sums[0] = factor * _mm256_extract_epi32(halves, 0);
  sums[1] = factor * _mm256_extract_epi32(halves, 4);
}

// The same of a pair: those of the first row, then those of the second.
void sum_pair_halves(const std::int8_t* values, std::int32_t factor, std::int32_t* sums) {
  const __m512i fours = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), _mm512_loadu_si512(values));
  const __m512i eights = _mm512_add_epi32(fours, _mm512_shuffle_epi32(fours, _MM_PERM_CDAB));
  const __m512i halves = _mm512_add_epi32(eights, _mm512_shuffle_i32x4(eights, eights, 0xB1));
  const __m512i order = _mm512_setr_epi32(0, 8, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i four = _mm512_castsi512_si128(_mm512_permutexvar_epi32(order, halves));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(sums), _mm_mullo_epi32(four, _mm_set1_epi32(factor)));
}

template <class Weights, std::size_t kTokens>
void prepare(const Q8Activations& in, std::size_t first, std::size_t entries, Prepared<Weights>& prepared) {
  if constexpr (Weights::kScales == 2) {
    for (std::size_t i = 0; i < entries; i += kTokens) {
      const std::int8_t* const values = in.values + (first + i) * kActivationBlock;
      std::int32_t* const starts = prepared.starts + 2 * i;
      for (std::size_t t = 0; t + 1 < kTokens; t += 2) {
        sum_pair_halves(values + t * kActivationBlock, -Weights::kOffset, starts + 2 * t);
      }
      constexpr std::size_t kLast = kTokens - 1;
      if constexpr (kTokens % 2 == 1) {
        sum_halves(values + kLast * kActivationBlock, -Weights::kOffset, starts + 2 * kLast);
      }
    }
  } else {
    for (std::size_t i = 0; i < entries; i += kTokens * Weights::kJoined) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        std::int32_t sum = 0;
        for (std::size_t j = 0; j < Weights::kJoined; ++j) sum += in.sums[first + i + j * kTokens + t];
        prepared.starts[i + t] = -Weights::kOffset * sum;
      }
    }
  }
  if constexpr (Weights::kHasMinimum) {
    for (std::size_t i = 0; i < entries; ++i) prepared.sums[i] = static_cast<float>(in.sums[first + i]);
  }
}

// NOLINTBEGIN(clang-analyzer-core.CallAndMessage): `prepare` has filled all that a pass reads.

// One row, and rows of joined blocks, have a second sum each, which takes every other product: vpdpbusd takes 4 cycles,
// and sums that are added to for long fill the window of instructions under way with what waits.
template <class Weights, std::size_t kTokens>
constexpr bool kHasOdd = kTokens == 1 || Weights::kJoined > 1;

// Eight columns times the kTokens rows of a block of activations; `odd` are the second sums.
template <class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void add_chunk(const std::byte* codes, std::size_t c, const std::int8_t* values,
                                             __m512i (&dots)[kTokens], __m512i (&odd)[kTokens]) {
  __m512i first;
  __m512i second;
  Weights::unpack(codes, c, first, second);
  if constexpr (kTokens > 2) {
    hold(first);
    hold(second);
  }
  for (std::size_t t = 0; t < kTokens; ++t) add_products(dots[t], first, values + q8_offset(t, kTokens, 8 * c));
  for (std::size_t t = 0; t < kTokens; ++t) {
    add_products((kHasOdd<Weights, kTokens> ? odd : dots)[t], second, values + q8_offset(t, kTokens, 8 * c + 4));
  }
}

// Exact products of the columns that share scale `index`, of part `part` and those joined to it, with the kTokens rows
// of as many blocks of activations. Inlined always: its accumulators are registers.
template <class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void dot(const std::byte* block, std::size_t part, std::size_t index,
                                       const std::int8_t* values, const std::int32_t* starts,
                                       __m512i (&dots)[kTokens]) {
  constexpr std::size_t kChunks = 4 / Weights::kScales;
  for (std::size_t t = 0; t < kTokens; ++t) {
    dots[t] = Weights::kOffset == 0 ? _mm512_setzero_si512() : _mm512_set1_epi32(starts[t * Weights::kScales]);
  }
  __m512i odd[kTokens];
  for (__m512i& sum : odd) sum = _mm512_setzero_si512();
  for (std::size_t j = 0; j < Weights::kJoined; ++j) {
#pragma GCC unroll 4  // Written out: else constants are moved for each chunk.
    for (std::size_t i = 0; i < kChunks; ++i) {
      add_chunk<Weights, kTokens>(Weights::codes(block, part + j), index * kChunks + i,
                                  values + j * kTokens * kActivationBlock, dots, odd);
    }
  }
  for (std::size_t t = 0; kHasOdd<Weights, kTokens> && t < kTokens; ++t) dots[t] = _mm512_add_epi32(dots[t], odd[t]);
}

// A panel's part for `blocks`, which lies at `weights`, times those; `out` holds what the passes before have given.
template <class Weights, std::size_t kTokens>
void tile(const std::byte* weights, const Q8Activations& in, const Blocks& blocks, const Prepared<Weights>& prepared,
          float* out, std::size_t out_stride) {
  constexpr std::size_t kScales = Weights::kScales;
  __m512 accumulators[kTokens];
  for (std::size_t t = 0; t < kTokens; ++t) {
    accumulators[t] = blocks.first == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(out + t * out_stride);
  }
  const std::size_t first = blocks.row * in.blocks() + blocks.first * kTokens;
  const std::int8_t* values = in.values + first * kActivationBlock;
  const float* in_scales = in.scales + first;
  const bool ahead = !Weights::kIsSlab && in.ahead && blocks.row == 0;  // Later rows find the panel in the cache.
  Shared shared{};  // Of the block that a part belongs to: its first part loads it.
  for (std::size_t b = 0; b < blocks.count; b += Weights::kJoined) {
    const std::byte* const block = weights + b / Weights::kParts * Weights::kBlockBytes;
    const std::size_t part = b % Weights::kParts;
    if (ahead) panel_parts::ask_ahead<Weights>(Weights::codes(block, part));
    if (part == 0) shared = Weights::shared(block);
#pragma GCC unroll 2
    for (std::size_t index = 0; index < kScales; ++index) {
      __m512i dots[kTokens];
      dot<Weights, kTokens>(block, part, index, values, prepared.starts + b * kTokens * kScales + index, dots);
      const __m512 scales = Weights::scales(shared, block, part, index);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const __m512 scale = _mm512_mul_ps(scales, _mm512_set1_ps(in_scales[t]));
        accumulators[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[t]), scale, accumulators[t]);
      }
    }
    if constexpr (Weights::kHasMinimum) {
      const __m512 minima = Weights::minima(shared, block, part);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const __m512 minimum = _mm512_mul_ps(minima, _mm512_set1_ps(in_scales[t]));
        accumulators[t] = _mm512_fmadd_ps(_mm512_set1_ps(prepared.sums[b * kTokens + t]), minimum, accumulators[t]);
      }
    }
    values += kTokens * Weights::kJoined * kActivationBlock;
    in_scales += kTokens * Weights::kJoined;
  }
  for (std::size_t t = 0; t < kTokens; ++t) _mm512_storeu_ps(out + t * out_stride, accumulators[t]);
}

// NOLINTEND(clang-analyzer-core.CallAndMessage)

// Bytes of one panel.
template <class Weights>
std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

// All panels times kTokens activation rows from row `row` on.
template <class Weights, std::size_t kTokens>
void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t row, float* out,
           std::size_t out_stride) {
  Prepared<Weights> prepared;
  Blocks blocks{row, 0, 0};
  for (; blocks.first < in.blocks(); blocks.first += blocks.count) {
    const std::size_t left = in.blocks() - blocks.first;
    blocks.count = left < kPassBlocks<kTokens> ? left : kPassBlocks<kTokens>;
    prepare<Weights, kTokens>(in, row * in.blocks() + blocks.first * kTokens, blocks.count * kTokens, prepared);
    const std::byte* const weights = panels + blocks.first / Weights::kParts * Weights::kBlockBytes;
    for (std::size_t p = 0; p < panel_count; ++p) {
      tile<Weights, kTokens>(weights + p * panel_size<Weights>(in), in, blocks, prepared,
                             out + row * out_stride + 16 * p, out_stride);
    }
  }
}

// Whole tiles of many rows: a slab of each panel at a time is unpacked once for all of them. Returns how many rows that
// were.
template <class Weights>
std::size_t rows_of_slabs(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                          std::size_t out_stride) {
  const std::size_t rows = in.rows / kTileRows * kTileRows;
  panel_parts::Slab<Weights> slabs[kGroup];
  Prepared<Unpacked<Weights>> prepared;
  for (std::size_t first = 0; first < in.blocks(); first += kSlabParts) {
    const std::size_t count = in.blocks() - first < kSlabParts ? in.blocks() - first : kSlabParts;
    for (std::size_t p = 0; p < panel_count; ++p) {
      fill(slabs[p], panels + p * panel_size<Weights>(in), first, count, in.ahead);
    }
    for (std::size_t r = 0; r < rows; r += kTileRows) {
      prepare<Unpacked<Weights>, kTileRows>(in, r * in.blocks() + first * kTileRows, count * kTileRows, prepared);
      for (std::size_t p = 0; p < panel_count; ++p) {
        tile<Unpacked<Weights>, kTileRows>(slabs[p].bytes(), in, {r, first, count}, prepared,
                                           out + r * out_stride + 16 * p, out_stride);
      }
    }
  }
  return rows;
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
    const std::byte* const group = panels + p * panel_size<Weights>(in);
    std::size_t r = 0;
    if constexpr (Weights::kWork >= kLeastWork) {
      if (in.rows >= kRowsOfSlabs) r = rows_of_slabs<Weights>(group, count, in, out + 16 * p, out_stride);
    }
    for (; r + kTileRows <= in.rows; r += kTileRows) {
      tiles<Weights, kTileRows>(group, count, in, r, out + 16 * p, out_stride);
    }
    last_rows<Weights>(group, count, in, r, out + 16 * p, out_stride);
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
    .q8_128 = {one_row<Q8_128>, many_rows<Q8_128>},
};

}  // namespace linnet::kernels::avx512_vnni
