// The tiles of the 256-bit variants, which differ in how they multiply bytes alone.
//
// A `Product` says so:
//   kLeastWork                           from which work on unpacking a slab once repays
//   kOffset<Weights>                     how much too large it takes each code to be
//   prepared<Weights>(codes)             a register of codes as it takes them
//   dot<Weights>(codes, index, values, dots)
//                                        adds to dots[t][half] the products of a part's columns that share scale
//                                        `index` with the rows of a block of activations
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/slab_avx2.h"

namespace linnet::kernels::tile_avx2 {
namespace {

inline constexpr std::size_t kTileRows = 4;  // Activation rows at once: 8 integer accumulators of the 16 registers.
static_assert(kActivationRows % kTileRows == 0);
inline constexpr std::size_t kGroup = 4;  // Panels that stay in the L2 cache while all activations pass.

template <std::size_t kTokens>
[[gnu::always_inline]] inline void clear(__m256i (&dots)[kTokens][kHalves]) {
  for (auto& row : dots) row[0] = row[1] = _mm256_setzero_si256();
}

// Product::dot. Few rows of joined parts have sums of their own in each: a sum that is added to for long keeps the
// window of instructions under way waiting.
template <class Product, class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void add_products(const std::byte* codes, std::size_t index, const std::int8_t* values,
                                                __m256i (&dots)[kTokens][kHalves]) {
  if constexpr (Weights::kJoined == 1 || kTokens > 2) {
    Product::template dot<Weights>(codes, index, values, dots);
  } else {
    __m256i own[kTokens][kHalves];
    clear(own);
    Product::template dot<Weights>(codes, index, values, own);
    for (std::size_t t = 0; t < kTokens; ++t) {
      for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_add_epi32(dots[t][h], own[t][h]);
    }
  }
}

// A part of a panel block, or joined parts, and the tile's block of activations that it is multiplied with.
struct Block {
  const std::byte* weights;
  std::size_t part;
  std::size_t first;   // The activations' scales and sums,
  std::size_t stride;  // and from them to those of the next part.
};

// The sum of the 16 activations of a tile's row that begin at column `column` of a block.
template <std::size_t kTokens>
[[gnu::always_inline]] inline std::int32_t sum_of_16(const std::int8_t* values, std::size_t t, std::size_t column) {
  const auto load = [&](std::size_t i) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values + q8_offset(t, kTokens, column + i)));
  };
  const __m128i all = _mm_xor_si128(_mm_unpacklo_epi64(load(0), load(8)), _mm_set1_epi8(-128));
  const __m128i halves = _mm_sad_epu8(all, _mm_setzero_si128());
  return _mm_cvtsi128_si32(halves) + _mm_extract_epi16(halves, 4) - 16 * 128;
}

// What the products of a block under scale `index` begin with: what its codes are too large by, taken off.
template <class Product, class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void find_starts(const Block& block, std::size_t index, const Q8Activations& in,
                                               std::int32_t* starts) {
  for (std::size_t t = 0; t < kTokens; ++t) {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < Weights::kJoined; ++j) {
      const std::size_t at = block.first + j * block.stride;
      sum += Weights::kScales == 1 ? in.sums[at + t]
                                   : sum_of_16<kTokens>(in.values + at * kActivationBlock, t, 16 * index);
    }
    starts[t] = -Product::template kOffset<Weights> * sum;
  }
}

// accumulators += products under the scale number `index` of each row.
template <class Product, class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void add_scaled(const Block& block, std::size_t index, const Shared& shared,
                                              const Q8Activations& in, const std::int32_t* starts,
                                              __m256 (&accumulators)[kTokens][kHalves]) {
  __m256i dots[kTokens][kHalves];
  for (std::size_t t = 0; t < kTokens; ++t) {
    constexpr bool kExact = Product::template kOffset<Weights> == 0;
    dots[t][0] = dots[t][1] = kExact ? _mm256_setzero_si256() : _mm256_set1_epi32(starts[t]);
  }
  for (std::size_t j = 0; j < Weights::kJoined; ++j) {
    const std::size_t at = block.first + j * block.stride;
    add_products<Product, Weights>(Weights::codes(block.weights, block.part + j), index,
                                   in.values + at * kActivationBlock, dots);
  }
  for (std::size_t h = 0; h < kHalves; ++h) {
    const __m256 scales = Weights::scales(shared, block.weights, block.part, index, h);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m256 scale = _mm256_set1_ps(in.scales[block.first + t]);
      accumulators[t][h] =
          _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[t][h]), _mm256_mul_ps(scales, scale), accumulators[t][h]);
    }
  }
}

// accumulators += the rows' minima times the activations' sums.
template <class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void add_minima(const Block& block, const Shared& shared, const Q8Activations& in,
                                              __m256 (&accumulators)[kTokens][kHalves]) {
  __m256 minima[kHalves];
  for (std::size_t h = 0; h < kHalves; ++h) minima[h] = Weights::minima(shared, block.weights, block.part, h);
  for (std::size_t t = 0; t < kTokens; ++t) {
    const __m256 scale = _mm256_set1_ps(in.scales[block.first + t]);
    const __m256 sum = _mm256_cvtepi32_ps(_mm256_set1_epi32(in.sums[block.first + t]));
    for (std::size_t h = 0; h < kHalves; ++h) {
      accumulators[t][h] = _mm256_fmadd_ps(sum, _mm256_mul_ps(minima[h], scale), accumulators[t][h]);
    }
  }
}

// Blocks of a row of activations, from `first` on. Those of a slab come with what their products begin with.
struct Blocks {
  std::size_t first;
  std::size_t count;
  const std::int32_t* starts = nullptr;  // [count, scales, tile rows]
};

// The panel's part for `blocks`, which lies at `weights`, times kTokens activation rows of one tile, the first of which
// is row `r`; behind block 0 on top of what `out` holds.
template <class Product, class Weights, std::size_t kTokens>
void tile(const std::byte* weights, const Q8Activations& in, const Blocks& blocks, std::size_t r, float* out,
          std::size_t out_stride) {
  const Q8Place place = in.place(r);
  __m256 accumulators[kTokens][kHalves];
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (std::size_t h = 0; h < kHalves; ++h) {
      accumulators[t][h] = blocks.first == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(out + t * out_stride + 8 * h);
    }
  }
  const bool ahead = !Weights::kIsSlab && in.ahead && r == 0;  // Later rows find the panel in the cache.
  Shared shared{};                                             // A block's: its first part loads it.
  for (std::size_t b = 0; b < blocks.count; b += Weights::kJoined) {
    const Block block{weights + b / Weights::kParts * Weights::kBlockBytes, b % Weights::kParts,
                      place.first + (blocks.first + b) * place.stride, place.stride};
    if (ahead) panel_parts::ask_ahead<Weights>(Weights::codes(block.weights, block.part));
    if (block.part == 0) Weights::share(block.weights, shared);
#pragma GCC unroll 2
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      std::int32_t own[kTokens];
      if constexpr (!Weights::kIsSlab) find_starts<Product, Weights, kTokens>(block, index, in, own);
      const std::int32_t* const starts =
          Weights::kIsSlab ? blocks.starts + (b * Weights::kScales + index) * kTokens : own;
      add_scaled<Product, Weights>(block, index, shared, in, starts, accumulators);
    }
    if constexpr (Weights::kHasMinimum) add_minima<Weights>(block, shared, in, accumulators);
  }
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (std::size_t h = 0; h < kHalves; ++h) _mm256_storeu_ps(out + t * out_stride + 8 * h, accumulators[t][h]);
  }
}

template <class Product, class Weights, std::size_t kTokens>
void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
           std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Product, Weights, kTokens>(panels + p * panel_size<Weights>(in), in, {0, in.blocks()}, r,
                                    out + r * out_stride + 16 * p, out_stride);
  }
}

template <class Product, class Weights>
void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
             std::size_t out_stride) {
  tiles<Product, Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

// Whole tiles of many rows: a slab of each panel at a time is unpacked once for all of them. Returns how many rows that
// were.
template <class Product, class Weights>
std::size_t rows_of_slabs(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                          std::size_t out_stride) {
  const std::size_t rows = in.rows / kTileRows * kTileRows;
  Slab<Weights> slabs[kGroup];
  std::int32_t starts[kSlabParts][Weights::kScales][kTileRows];
  for (std::size_t first = 0; first < in.blocks(); first += kSlabParts) {
    const std::size_t count = in.blocks() - first < kSlabParts ? in.blocks() - first : kSlabParts;
    for (std::size_t p = 0; p < panel_count; ++p) {
      fill<Product>(slabs[p], panels + p * panel_size<Weights>(in), first, count, in.ahead);
    }
    for (std::size_t r = 0; r < rows; r += kTileRows) {
      const Q8Place place = in.place(r);
      for (std::size_t b = 0; b < count; b += Weights::kJoined) {
        const Block block{nullptr, 0, place.first + (first + b) * place.stride, place.stride};
        for (std::size_t index = 0; index < Weights::kScales; ++index) {
          find_starts<Product, Weights, kTileRows>(block, index, in, starts[b][index]);
        }
      }
      for (std::size_t p = 0; p < panel_count; ++p) {
        tile<Product, Unpacked<Weights>, kTileRows>(slabs[p].bytes(), in, {first, count, starts[0][0]}, r,
                                                    out + r * out_stride + 16 * p, out_stride);
      }
    }
  }
  return rows;
}

template <class Product, class Weights>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * panel_size<Weights>(in);
    float* const group_out = out + 16 * p;
    std::size_t r = 0;
    if constexpr (Weights::kWork >= Product::kLeastWork) {
      if (in.rows >= kRowsOfSlabs) r = rows_of_slabs<Product, Weights>(group, count, in, group_out, out_stride);
    }
    for (; r + kTileRows <= in.rows; r += kTileRows) {
      tiles<Product, Weights, kTileRows>(group, count, in, r, group_out, out_stride);
    }
    switch (in.rows - r) {
      case 3: tiles<Product, Weights, 3>(group, count, in, r, group_out, out_stride); break;
      case 2: tiles<Product, Weights, 2>(group, count, in, r, group_out, out_stride); break;
      case 1: tiles<Product, Weights, 1>(group, count, in, r, group_out, out_stride); break;
      default: break;
    }
  }
}

template <class Product, class Weights>
constexpr MatMul entries() {
  return {one_row<Product, Weights>, many_rows<Product, Weights>};
}

template <class Product>
constexpr MatMulSet every_format() {
  return {
      .q8_0 = entries<Product, Q8_0>(),
      .q4_0 = entries<Product, Q4_0>(),
      .q4_1 = entries<Product, Q4_1>(),
      .q5_0 = entries<Product, Q5_0>(),
      .q5_1 = entries<Product, Q5_1>(),
      .iq4_nl = entries<Product, IQ4_NL>(),
      .q4_k = entries<Product, Q4_K>(),
      .q5_k = entries<Product, Q5_K>(),
      .q6_k = entries<Product, Q6_K>(),
      .q4_64 = entries<Product, Q4_64>(),
      .q4_128 = entries<Product, Q4_128>(),
      .q8_128 = entries<Product, Q8_128>(),
  };
}

}  // namespace
}  // namespace linnet::kernels::tile_avx2
