// The tiles of the 256-bit variants, which differ in how they multiply bytes alone (`Product`).
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/weights_avx2.h"

namespace linnet::kernels::tile_avx2 {
namespace {

inline constexpr std::size_t kTileRows = 4;  // Activation rows at once: 8 integer accumulators of the 16 registers.
static_assert(kActivationRows % kTileRows == 0);
inline constexpr std::size_t kGroup = 4;  // Panels that stay in the L2 cache while all activations pass.

// Product::dot<Weights, kTokens>(codes, index, values, sums, dots) adds to dots[t][half] the exact products of a part's
// columns that share scale `index` with the kTokens rows of a block of activations, whose sums are `sums`.

// The same. Few rows of joined parts have sums of their own in each: a sum that is added to for long keeps the window
// of instructions under way waiting.
template <class Product, class Weights, std::size_t kTokens>
[[gnu::always_inline]] inline void add_products(const std::byte* codes, std::size_t index, const std::int8_t* values,
                                                const std::int32_t* sums, __m256i (&dots)[kTokens][kHalves]) {
  if constexpr (Weights::kJoined == 1 || kTokens > 2) {
    Product::template dot<Weights, kTokens>(codes, index, values, sums, dots);
  } else {
    __m256i own[kTokens][kHalves];
    for (auto& row : own) row[0] = row[1] = _mm256_setzero_si256();
    Product::template dot<Weights, kTokens>(codes, index, values, sums, own);
    for (std::size_t t = 0; t < kTokens; ++t) {
      for (std::size_t h = 0; h < kHalves; ++h) dots[t][h] = _mm256_add_epi32(dots[t][h], own[t][h]);
    }
  }
}

// One panel times kTokens activation rows of one tile, the first of which is row `r`.
template <class Product, class Weights, std::size_t kTokens>
void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
  const Q8Place place = in.place(r);
  __m256 accumulators[kTokens][kHalves];
  for (std::size_t t = 0; t < kTokens; ++t) accumulators[t][0] = accumulators[t][1] = _mm256_setzero_ps();
  const bool ahead = in.ahead && r == 0;  // Later rows find the panel in the cache.
  Shared shared{};                        // Of the block that a part belongs to: its first part loads it.
  for (std::size_t b = 0; b < in.blocks(); b += Weights::kJoined) {
    const std::byte* const block = panel + b / Weights::kParts * Weights::kBlockBytes;
    const std::size_t part = b % Weights::kParts;
    const std::size_t first = place.first + b * place.stride;
    if (ahead) panel_parts::ask_ahead<Weights>(Weights::codes(block, part));
    if (part == 0) Weights::share(block, shared);
#pragma GCC unroll 2
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      __m256i dots[kTokens][kHalves];
      for (auto& row : dots) row[0] = row[1] = _mm256_setzero_si256();
      for (std::size_t j = 0; j < Weights::kJoined; ++j) {
        const std::size_t at = first + j * place.stride;
        add_products<Product, Weights, kTokens>(Weights::codes(block, part + j), index,
                                                in.values + at * kActivationBlock, in.sums + at, dots);
      }
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256 scales = Weights::scales(shared, block, part, index, h);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const __m256 scale = _mm256_set1_ps(in.scales[first + t]);
          __m256& accumulator = accumulators[t][h];
          accumulator = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[t][h]), _mm256_mul_ps(scales, scale), accumulator);
        }
      }
    }
    if constexpr (Weights::kHasMinimum) {
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256 minima = Weights::minima(shared, block, part, h);
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

template <class Product, class Weights, std::size_t kTokens>
void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
           std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Product, Weights, kTokens>(panels + p * panel_size<Weights>(in), in, r, out + r * out_stride + 16 * p,
                                    out_stride);
  }
}

template <class Product, class Weights>
void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
             std::size_t out_stride) {
  tiles<Product, Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

template <class Product, class Weights>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * panel_size<Weights>(in);
    float* const group_out = out + 16 * p;
    std::size_t r = 0;
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
