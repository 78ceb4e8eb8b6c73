// The tiles of the NEON variants, which differ in how they multiply bytes alone: a `Product` of 16 weights and rows.
//
// Everything is static: this header is compiled once with and once without dot-product instructions.
#pragma once

#include <arm_neon.h>

#include "kernels/matmul/matmul.h"

namespace linnet::kernels::tile_neon {

inline constexpr std::size_t kTileRows = 4;  // Activation rows a tile.
inline constexpr std::size_t kGroup = 4;     // Panels that stay in the L2 cache while all activations pass.
inline constexpr std::size_t kScaleBytes = 2 * kPanelRows;

static inline int8x16_t load_bytes(const std::byte* from) {
  return vld1q_s8(reinterpret_cast<const std::int8_t*>(from));
}

static inline float32x4_t load_scales(const std::byte* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from))));
}

// A format gives columns 16 h … 16 h + 15 of four of a panel's rows (quad q = rows 4 q … 4 q + 3) as four registers,
// each with 4 columns of every row, and what is to be taken off each code.
struct Q8_0 {
  static constexpr std::size_t kChunks = kScaleBytes;
  static constexpr std::size_t kBlockBytes = kChunks + 512;
  static constexpr std::int32_t kOffset = 0;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kIsNibbles = false;

  static void unpack(const std::byte* chunks, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 4; ++i) columns[i] = load_bytes(chunks + 64 * (4 * half + i) + 16 * quad);
  }
};

template <std::int32_t kNibbleOffset, bool kMinimum>
struct Nibbles {
  static constexpr std::size_t kChunks = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kChunks + 256;
  static constexpr std::int32_t kOffset = kNibbleOffset;
  static constexpr bool kHasMinimum = kMinimum;
  static constexpr bool kIsNibbles = true;

  static void unpack(const std::byte* chunks, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 2; ++i) {
      const uint8x16_t both = vreinterpretq_u8_s8(load_bytes(chunks + 64 * (2 * half + i) + 16 * quad));
      columns[2 * i] = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
      columns[2 * i + 1] = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
    }
  }
};

using Q4_0 = Nibbles<8, false>;
using Q4_1 = Nibbles<0, true>;

// Quads `quad` … `quad + kQuads - 1` of one panel block times kTokens activation rows, from row `r` on.
template <template <class> class Product, class Weights, std::size_t kTokens, std::size_t kQuads>
static inline void add_block(const std::byte* block, const Q8Activations& in, std::size_t r, std::size_t b,
                             std::size_t quad, float32x4_t (&accumulators)[kTokens][kQuads]) {
  const std::size_t blocks = in.blocks();
  const std::size_t first = r * blocks + b;
  Product<Weights> products[kTokens][kQuads];
  for (std::size_t half = 0; half < 2; ++half) {
    int8x16_t activations[kTokens];
    for (std::size_t t = 0; t < kTokens; ++t) {
      activations[t] = vld1q_s8(in.values + (first + t * blocks) * kActivationBlock + 16 * half);
    }
    for (std::size_t q = 0; q < kQuads; ++q) {
      int8x16_t columns[4];
      Weights::unpack(block + Weights::kChunks, half, quad + q, columns);
      for (std::size_t t = 0; t < kTokens; ++t) products[t][q].add(columns, activations[t]);
    }
  }
  for (std::size_t q = 0; q < kQuads; ++q) {
    const float32x4_t scales = load_scales(block + 8 * (quad + q));
    for (std::size_t t = 0; t < kTokens; ++t) {
      const float scale = in.scales[first + t * blocks];
      const std::int32_t sum = in.sums[first + t * blocks];
      const int32x4_t dot = vsubq_s32(products[t][q].sums(), vdupq_n_s32(Weights::kOffset * sum));
      float32x4_t& accumulator = accumulators[t][q];
      accumulator = vfmaq_f32(accumulator, vcvtq_f32_s32(dot), vmulq_n_f32(scales, scale));
      if constexpr (Weights::kHasMinimum) {
        const float32x4_t minima = load_scales(block + kScaleBytes + 8 * (quad + q));
        accumulator = vfmaq_f32(accumulator, vdupq_n_f32(static_cast<float>(sum)), vmulq_n_f32(minima, scale));
      }
    }
  }
}

// One panel times kTokens activation rows, kQuads quads at a time: as many as leave the accumulators in registers.
template <template <class> class Product, class Weights, std::size_t kTokens>
static inline void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out,
                        std::size_t out_stride) {
  constexpr std::size_t kQuads = kTokens <= 2 ? 4 : 2;
  for (std::size_t quad = 0; quad < 4; quad += kQuads) {
    float32x4_t accumulators[kTokens][kQuads];
    for (auto& row : accumulators) {
      for (float32x4_t& accumulator : row) accumulator = vdupq_n_f32(0.0F);
    }
    for (std::size_t b = 0; b < in.blocks(); ++b) {
      add_block<Product, Weights>(panel + b * Weights::kBlockBytes, in, r, b, quad, accumulators);
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      for (std::size_t q = 0; q < kQuads; ++q) vst1q_f32(out + t * out_stride + 4 * (quad + q), accumulators[t][q]);
    }
  }
}

template <template <class> class Product, class Weights, std::size_t kTokens>
static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
                  std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Product, Weights, kTokens>(panels + p * in.blocks() * Weights::kBlockBytes, in, r,
                                    out + r * out_stride + 16 * p, out_stride);
  }
}

template <template <class> class Product, class Weights>
static void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                    std::size_t out_stride) {
  tiles<Product, Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

template <template <class> class Product, class Weights>
static void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                      std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * in.blocks() * Weights::kBlockBytes;
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

}  // namespace linnet::kernels::tile_neon
