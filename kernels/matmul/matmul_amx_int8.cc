#if !defined(__AVX512F__) || !defined(__AVX512BW__)
#  error "this file is compiled with the flags of matmul_avx512_vnni.cc, -mamx-tile and -mamx-int8"
#endif

#include "kernels/matmul/slab.h"
#include "kernels/matmul/weights_avx512.h"
#include "kernels/tiles_amx.h"

// Prompts by AMX's tiles: 16 rows of activations times 16 rows of weights in one instruction. Sums come back through
// memory, and what scales them is most of the work: while tiles are in use, 512-bit multiplications have one port
// instead of two (measured on Granite Rapids). So a panel is scaled while the next one is multiplied. All else is
// avx512_vnni's.
namespace linnet::kernels::amx_int8 {
namespace {

using avx512_vnni::Shared;
using panel_parts::kSlabParts;

constexpr std::size_t kTileRows = 16;  // Of activations: two tiles of kActivationRows.
constexpr std::size_t kGroup = 16;     // Panels that stay in the L2 cache while all activations pass.
constexpr std::size_t kLine = 64;      // Bytes of a tile's longest row.

// Products of formats whose scales span 64 columns or more take 64 at once, others 32.
template <class Weights>
inline constexpr std::size_t kPartsAtOnce = Weights::kJoined == 1 ? 1 : 2;

template <class Weights>
inline constexpr std::size_t kRowBytes = kPartsAtOnce<Weights>* kActivationBlock;

// Tile 0 has sums, 1 activations, 2 weights.
template <class Weights>
inline constexpr TileShapes kShapes = {
    .row_bytes = {kLine, kRowBytes<Weights>, kLine},
    .rows = {kTileRows, kTileRows, kRowBytes<Weights> / 4},
};

// Products of 16 x 16 that a slab holds: one for each scale.
template <class Weights>
inline constexpr std::size_t kProducts = kSlabParts / Weights::kJoined;

// 256 columns of a panel: signed codes where those of Q8_0 lie, four columns of 16 rows a line; scales and minima as
// floats.
template <class Weights>
struct alignas(kLine) Slab {
  static_assert(!Weights::kHasMinimum || Weights::kJoined == 1);
  std::byte codes[kSlabParts][kPanelRows * kActivationBlock];
  float scales[kProducts<Weights>][kPanelRows];
  float minima[Weights::kHasMinimum ? kProducts<Weights> : 1][kPanelRows];
};

// The same columns of 16 rows of activations, each row's together.
template <class Weights>
struct alignas(kLine) Activations {
  std::int8_t values[kSlabParts / kPartsAtOnce<Weights>][kTileRows][kRowBytes<Weights>];
  float sums[Weights::kHasMinimum ? kSlabParts : 1][kTileRows];
  const float* scales[2];  // Of the first and the second eight rows: part b's are eight from number 8 b on.
};

// The integer sums of a panel's slab, a product after another.
template <class Weights>
struct alignas(kLine) Sums {
  std::int32_t of[kProducts<Weights>][kTileRows][kPanelRows];
};

// One panel's slab times 16 rows: its sums are in memory, not yet scaled.
template <class Weights>
struct Pending {
  const Slab<Weights>* slab;
  const Activations<Weights>* activations;
  Sums<Weights>* sums;
  float* out;
};

template <class Weights>
void fill(Slab<Weights>& slab, const std::byte* panel, std::size_t first, std::size_t count, bool ahead) {
  const __m512i offset = _mm512_set1_epi8(static_cast<char>(Weights::kOffset));
  Shared shared{};
  const auto unpack = [&](const std::byte* block, std::size_t part, std::size_t i) {
    if (part == 0) shared = Weights::shared(block);
    for (std::size_t c = 0; c < 4; ++c) {
      __m512i even;
      __m512i odd;
      Weights::unpack(Weights::codes(block, part), c, even, odd);
      _mm512_store_si512(slab.codes[i] + 2 * kLine * c, _mm512_sub_epi8(even, offset));
      _mm512_store_si512(slab.codes[i] + 2 * kLine * c + kLine, _mm512_sub_epi8(odd, offset));
    }
    if (i % Weights::kJoined != 0) return;
    _mm512_store_ps(slab.scales[i / Weights::kJoined], Weights::scales(shared, block, part, 0));
    if constexpr (Weights::kHasMinimum) _mm512_store_ps(slab.minima[i], Weights::minima(shared, block, part));
  };
  panel_parts::for_each_part<Weights>(panel, first, count, ahead, unpack);
}

// Takes pairs of rows, whose values take turns eight by eight, apart.
template <class Weights>
void gather_pairs(Activations<Weights>& to, std::size_t part, std::size_t row, const std::int8_t* values) {
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  auto& rows = to.values[part / kPartsAtOnce<Weights>];
  const std::size_t column = part % kPartsAtOnce<Weights> * kActivationBlock;
  for (std::size_t t = 0; t < kActivationRows; t += 2) {
    const __m512i pair = _mm512_permutexvar_epi64(order, _mm512_loadu_si512(values + t * kActivationBlock));
    _mm256_store_si256(reinterpret_cast<__m256i*>(rows[row + t] + column), _mm512_castsi512_si256(pair));
    _mm256_store_si256(reinterpret_cast<__m256i*>(rows[row + t + 1] + column), _mm512_extracti64x4_epi64(pair, 1));
  }
}

// `count` blocks from block `first` on of the 16 rows from row `row` on.
template <class Weights>
void gather(Activations<Weights>& to, const Q8Activations& in, std::size_t row, std::size_t first, std::size_t count) {
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t at = (row + half * kActivationRows) * in.blocks() + first * kActivationRows;
    to.scales[half] = in.scales + at;
    for (std::size_t b = 0; b < count; ++b) {
      const std::size_t block = at + b * kActivationRows;
      gather_pairs(to, b, half * kActivationRows, in.values + block * kActivationBlock);
      if constexpr (Weights::kHasMinimum) {
        const __m256i sums = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in.sums + block));
        _mm256_store_ps(to.sums[b] + half * kActivationRows, _mm256_cvtepi32_ps(sums));
      }
    }
  }
}

// Exact sums of product `k`.
template <class Weights>
[[gnu::always_inline]] inline void multiply(const Pending<Weights>& of, std::size_t k) {
  constexpr std::size_t kAtOnce = kPartsAtOnce<Weights>;
  _tile_zero(0);
  for (std::size_t j = 0; j < Weights::kJoined; j += kAtOnce) {
    const std::size_t part = k * Weights::kJoined + j;
    _tile_loadd(1, of.activations->values[part / kAtOnce], kRowBytes<Weights>);
    _tile_loadd(2, of.slab->codes[part], kLine);
    _tile_dpbssd(0, 1, 2);
  }
  _tile_stored(0, of.sums->of[k], kLine);
}

// Adds the scaled sums of product `k`.
template <class Weights>
[[gnu::always_inline]] inline void scale(const Pending<Weights>& of, std::size_t k, __m512 (&totals)[kTileRows]) {
  const std::size_t part = k * Weights::kJoined;
  const __m512 scales = _mm512_load_ps(of.slab->scales[k]);
  const __m512 minima = _mm512_load_ps(of.slab->minima[Weights::kHasMinimum ? k : 0]);
#pragma GCC unroll 16
  for (std::size_t t = 0; t < kTileRows; ++t) {
    const __m512 in_scale = _mm512_set1_ps(of.activations->scales[t / 8][part * kActivationRows + t % 8]);
    const __m512 sums = _mm512_cvtepi32_ps(_mm512_load_si512(of.sums->of[k][t]));
    totals[t] = _mm512_fmadd_ps(sums, _mm512_mul_ps(scales, in_scale), totals[t]);
    if constexpr (Weights::kHasMinimum) {
      const __m512 in_sum = _mm512_set1_ps(of.activations->sums[k][t]);
      totals[t] = _mm512_fmadd_ps(in_sum, _mm512_mul_ps(minima, in_scale), totals[t]);
    }
  }
}

// Asks for a share of the lines of `out` that scaling reads and writes next: rows lie too far apart to be foreseen.
template <class Weights>
[[gnu::always_inline]] inline void ask_for_totals(const Pending<Weights>& of, std::size_t k, std::size_t out_stride) {
  constexpr std::size_t kShare = kTileRows / kProducts<Weights>;
  for (std::size_t t = k * kShare; t < (k + 1) * kShare; ++t) __builtin_prefetch(of.out + t * out_stride, 1);
}

// Scales `before` while `now` is multiplied; either may be none.
template <class Weights>
void advance(const Pending<Weights>* before, const Pending<Weights>* now, bool continues, std::size_t products,
             std::size_t out_stride) {
  if (before == nullptr) {
    for (std::size_t k = 0; k < products; ++k) multiply(*now, k);
    return;
  }
  __m512 totals[kTileRows];
  for (std::size_t t = 0; t < kTileRows; ++t) {
    totals[t] = continues ? _mm512_loadu_ps(before->out + t * out_stride) : _mm512_setzero_ps();
  }
  for (std::size_t k = 0; k < products; ++k) {
    scale(*before, k, totals);
    if (now == nullptr) continue;
    multiply(*now, k);
    ask_for_totals(*now, k, out_stride);
  }
  for (std::size_t t = 0; t < kTileRows; ++t) _mm512_storeu_ps(before->out + t * out_stride, totals[t]);
}

// Where totals go, by row and panel.
struct Output {
  float* numbers;
  std::size_t stride;

  [[nodiscard]] float* at(std::size_t row, std::size_t panel) const {
    return numbers + row * stride + kPanelRows * panel;
  }
};

// `panel_count` panels, no more than kGroup, times the first `rows` rows, whole tiles.
template <class Weights>
void group_of_panels(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t rows,
                     const Output& out) {
  const std::size_t panel_size = in.blocks() / Weights::kParts * Weights::kBlockBytes;
  Slab<Weights> slabs[kGroup];
  Activations<Weights> activations[2];
  Sums<Weights> sums[2];
  for (std::size_t first = 0; first < in.blocks(); first += kSlabParts) {
    const std::size_t count = in.blocks() - first < kSlabParts ? in.blocks() - first : kSlabParts;
    for (std::size_t p = 0; p < panel_count; ++p) fill(slabs[p], panels + p * panel_size, first, count, in.ahead);
    Pending<Weights> pending[2];
    std::size_t number = 0;
    for (std::size_t r = 0; r < rows; r += kTileRows) {
      Activations<Weights>& taken = activations[r / kTileRows % 2];
      gather(taken, in, r, first, count);
      publish_to_tiles();
      for (std::size_t p = 0; p < panel_count; ++p, ++number) {
        pending[number % 2] = {&slabs[p], &taken, &sums[number % 2], out.at(r, p)};
        advance(number == 0 ? nullptr : &pending[(number + 1) % 2], &pending[number % 2], first > 0,
                count / Weights::kJoined, out.stride);
      }
    }
    advance<Weights>(&pending[(number + 1) % 2], nullptr, first > 0, count / Weights::kJoined, out.stride);
  }
}

template <class Weights, MatMul MatMulSet::*kFormat>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  const std::size_t rows = in.rows / kTileRows * kTileRows;
  if (rows > 0) {
    _tile_loadconfig(&kShapes<Weights>);
    for (std::size_t p = 0; p < panel_count; p += kGroup) {
      const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
      const std::size_t panel_size = in.blocks() / Weights::kParts * Weights::kBlockBytes;
      group_of_panels<Weights>(panels + p * panel_size, count, in, rows, {out + kPanelRows * p, out_stride});
    }
    _tile_release();
  }
  if (rows == in.rows) return;
  const std::size_t at = rows * in.blocks();
  const Q8Activations left = {.values = in.values + at * kActivationBlock,
                              .scales = in.scales + at,
                              .sums = in.sums + at,
                              .rows = in.rows - rows,
                              .columns = in.columns,
                              .ahead = in.ahead && rows == 0};
  (avx512_vnni::kMatMuls.*kFormat).many_rows(panels, panel_count, left, out + rows * out_stride, out_stride);
}

template <MatMul MatMulSet::*kFormat>
void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
             std::size_t out_stride) {
  (avx512_vnni::kMatMuls.*kFormat).one_row(panels, panel_count, in, out, out_stride);
}

template <class Weights, MatMul MatMulSet::*kFormat>
constexpr MatMul kMatMul = {one_row<kFormat>, many_rows<Weights, kFormat>};

// Q6_K has a scale for each 16 columns: tiles would gain nothing.
template <MatMul MatMulSet::*kFormat>
void many_rows_without_tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                             std::size_t out_stride) {
  (avx512_vnni::kMatMuls.*kFormat).many_rows(panels, panel_count, in, out, out_stride);
}

}  // namespace

const MatMulSet kMatMuls = {
    .q8_0 = kMatMul<avx512_vnni::Q8_0, &MatMulSet::q8_0>,
    .q4_0 = kMatMul<avx512_vnni::Q4_0, &MatMulSet::q4_0>,
    .q4_1 = kMatMul<avx512_vnni::Q4_1, &MatMulSet::q4_1>,
    .q5_0 = kMatMul<avx512_vnni::Q5_0, &MatMulSet::q5_0>,
    .q5_1 = kMatMul<avx512_vnni::Q5_1, &MatMulSet::q5_1>,
    .iq4_nl = kMatMul<avx512_vnni::IQ4_NL, &MatMulSet::iq4_nl>,
    .q4_k = kMatMul<avx512_vnni::Q4_K, &MatMulSet::q4_k>,
    .q5_k = kMatMul<avx512_vnni::Q5_K, &MatMulSet::q5_k>,
    .q6_k = {one_row<&MatMulSet::q6_k>, many_rows_without_tiles<&MatMulSet::q6_k>},
    .q4_64 = kMatMul<avx512_vnni::Q4_64, &MatMulSet::q4_64>,
    .q4_128 = kMatMul<avx512_vnni::Q4_128, &MatMulSet::q4_128>,
    .q8_128 = kMatMul<avx512_vnni::Q8_128, &MatMulSet::q8_128>,
};

}  // namespace linnet::kernels::amx_int8
