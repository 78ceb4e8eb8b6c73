// The tiles of the NEON variants that multiply pairs of activation rows, as q8_place lays them: a block of a quad's
// codes is unpacked once, and then stays in registers while all rows pass it.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <utility>

#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::tile_neon {
namespace {

// What four rows of weights give with a pair of rows of activations. Which sum is where is the product's own affair.
template <class Vector>
struct Two {
  Vector first;
  Vector second;
};

// `Product` multiplies a pair with 16 columns of a quad:
//
//   kNumbers                   how many numbers a pair's two rows fill registers with, the even row's half first
//   of_rows(from)              such numbers, as the sums lie
//   of_weights(four)           four rows' numbers, as the sums lie
//   arrange(columns)           columns of a quad, which Weights::unpack gave, as `add` wants them
//   add<kAlone>(columns, values, half, sums)   columns 16 half …; `values` is the pair's block, or that of one row
//   to_rows(sums), from_rows(rows)             {even row, odd row} and back
template <class Product>
class PairsOfRows {
 public:
  static constexpr std::size_t kTileRows = 2 * kActivationRows;

  // All panels times kTokens activation rows from row `r` on.
  template <class Weights, std::size_t kTokens>
  static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r,
                    float* out, std::size_t out_stride) {
    constexpr std::size_t kSlabBlocks = Prepared<Weights>::kPairs / kPairs<kTokens> / 8 * 8;  // Whole super-blocks.
    Prepared<Weights> prepared;
    Slab slab{in.place(r), kActivationRows * in.blocks(), 0, 0};
    for (; slab.first < in.blocks(); slab.first += slab.blocks) {
      const std::size_t left = in.blocks() - slab.first;
      slab.blocks = left < kSlabBlocks ? left : kSlabBlocks;
      prepare<Weights, kTokens>(in, slab, prepared);
      for (std::size_t p = 0; p < panel_count; ++p) {
        tile<Weights, kTokens>(panels + p * panel_size<Weights>(in), in, slab, prepared, out + r * out_stride + 16 * p,
                               out_stride);
      }
    }
  }

 private:
  template <std::size_t kTokens>
  static constexpr std::size_t kPairs = (kTokens + 1) / 2;
  static constexpr std::size_t kTilePairs = kActivationRows / 2;

  // The blocks of the rows that one pass over a panel takes.
  struct Slab {
    Q8Place place;        // Of the first row.
    std::size_t to_next;  // From the first of the activations' tiles to the second, in numbers.
    std::size_t first;
    std::size_t blocks;

    // Where block b of a pair lies: its number.
    [[nodiscard]] std::size_t number(std::size_t b, std::size_t pair) const {
      return place.first + (first + b) * place.stride + pair / kTilePairs * to_next + 2 * (pair % kTilePairs);
    }
  };

  // What a slab's panels all need of its activations beside their values, as Product::of_rows wants it: prepared once
  // for a group of panels.
  template <class Weights>
  struct Prepared {
    static constexpr std::size_t kPairs = 256;
    static constexpr std::size_t kAll = Product::kNumbers * kPairs;

    alignas(64) float scales[kAll];
    alignas(64) std::int32_t starts[Weights::kOffset != 0 ? kAll : 1];  // -kOffset * the sum of the values.
    alignas(64) float sums[Weights::kHasMinimum ? kAll : 1];
  };

  template <class Weights, std::size_t kTokens>
  static void prepare(const Q8Activations& in, const Slab& slab, Prepared<Weights>& prepared) {
    constexpr std::size_t kHalf = Product::kNumbers / 2;
    std::size_t at = 0;
    for (std::size_t b = 0; b < slab.blocks; ++b) {
      for (std::size_t t = 0; t < 2 * kPairs<kTokens>; ++t) {
        // A row without a partner is its own.
        const std::size_t number = slab.number(b, t / 2) + (t < kTokens ? t % 2 : 0);
        std::int32_t sum = 0;  // Of all blocks that are joined to the first.
        for (std::size_t j = 0; b % Weights::kJoined == 0 && j < Weights::kJoined; ++j) {
          sum += in.sums[number + j * slab.place.stride];
        }
        for (std::size_t copy = 0; copy < kHalf; ++copy, ++at) {
          prepared.scales[at] = in.scales[number];
          if constexpr (Weights::kOffset != 0) prepared.starts[at] = -Weights::kOffset * sum;
          if constexpr (Weights::kHasMinimum) prepared.sums[at] = static_cast<float>(in.sums[number]);
        }
      }
    }
  }

  // One block of the rows.
  struct Rows {
    const std::int8_t* values;
    std::size_t to_next;   // As Slab's, in values.
    std::size_t stride;    // From a block to the next, in values.
    std::size_t prepared;  // Where its numbers start.

    [[nodiscard]] Rows block(std::size_t b) const { return {values + b * stride, to_next, stride, prepared}; }
    [[nodiscard]] const std::int8_t* of(std::size_t pair) const {
      return values + pair / kTilePairs * to_next + pair % kTilePairs * 2 * kActivationBlock;
    }
  };

  // One panel times a slab; `out` holds what the slabs before it have given.
  template <class Weights, std::size_t kTokens>
  static void tile(const std::byte* panel, const Q8Activations& in, const Slab& slab, const Prepared<Weights>& prepared,
                   float* out, std::size_t out_stride) {
    for (std::size_t quad = 0; quad < 4; ++quad) {
      Two<float32x4_t> sums[kPairs<kTokens>];
      load<kTokens>(slab.first == 0 ? nullptr : out + 4 * quad, out_stride, sums);
      for (std::size_t b = 0; b < slab.blocks; b += Weights::kJoined) {
        const std::byte* const block = panel + (slab.first + b) / Weights::kParts * Weights::kBlockBytes;
        const std::size_t part = b % Weights::kParts;
        const Rows rows{in.values + slab.number(b, 0) * kActivationBlock, slab.to_next * kActivationBlock,
                        slab.place.stride * kActivationBlock, b * kPairs<kTokens> * Product::kNumbers};
        if constexpr (Weights::kJoined > 1) {
          add_joined_products<Weights, kTokens>(block, part, quad, rows, prepared, sums);
          continue;
        }
        for (std::size_t index = 0; index < Weights::kScales; ++index) {
          add_products<Weights, kTokens>(block, part, quad, index, rows, prepared, sums);
        }
      }
      store<kTokens>(sums, out + 4 * quad, out_stride);
    }
  }

  // A quad's sums so far: none where there is no `out`.
  template <std::size_t kTokens>
  static void load(const float* out, std::size_t out_stride, Two<float32x4_t> (&sums)[kPairs<kTokens>]) {
    for (std::size_t pair = 0; pair < kPairs<kTokens>; ++pair) {
      sums[pair] = {vdupq_n_f32(0.0F), vdupq_n_f32(0.0F)};
      if (out == nullptr) continue;
      const float* const even = out + 2 * pair * out_stride;
      const bool alone = 2 * pair + 1 == kTokens;
      sums[pair] = Product::from_rows({vld1q_f32(even), vld1q_f32(alone ? even : even + out_stride)});
    }
  }

  template <std::size_t kTokens>
  static void store(const Two<float32x4_t> (&sums)[kPairs<kTokens>], float* out, std::size_t out_stride) {
    for (std::size_t pair = 0; pair < kPairs<kTokens>; ++pair) {
      const Two<float32x4_t> rows = Product::to_rows(sums[pair]);
      vst1q_f32(out + 2 * pair * out_stride, rows.first);
      if (2 * pair + 1 < kTokens) vst1q_f32(out + (2 * pair + 1) * out_stride, rows.second);
    }
  }

  // The columns of a block that share scale `index`, of one quad. Inlined always: its sums are registers.
  template <class Weights, std::size_t kTokens>
  [[gnu::always_inline]] static inline void add_products(const std::byte* block, std::size_t part, std::size_t quad,
                                                         std::size_t index, const Rows& rows,
                                                         const Prepared<Weights>& prepared,
                                                         Two<float32x4_t> (&sums)[kPairs<kTokens>]) {
    static_assert(Weights::kScales == 1 || (Weights::kOffset == 0 && !Weights::kHasMinimum),
                  "sums are of whole blocks");
    constexpr std::size_t kHalves = 2 / Weights::kScales;
    int8x16_t columns[kHalves][4];
    for (std::size_t half = 0; half < kHalves; ++half) {
      unpack<Weights>(Weights::codes(block, part), index * kHalves + half, quad, columns[half]);
      Product::arrange(columns[half]);
    }
    const Two<float32x4_t> scales = Product::of_weights(scales_of<Weights>(block, part, index, quad));
    Two<float32x4_t> minima{};
    if constexpr (Weights::kHasMinimum) minima = Product::of_weights(minima_of<Weights>(block, part, quad));
    each_pair<kTokens>([&]<bool kAlone>(std::size_t pair) __attribute__((always_inline)) {
      const std::size_t at = rows.prepared + pair * Product::kNumbers;
      Two<int32x4_t> exact{vdupq_n_s32(0), vdupq_n_s32(0)};
      if constexpr (Weights::kOffset != 0) exact = Product::of_rows(prepared.starts + at);
      for (std::size_t half = 0; half < kHalves; ++half) {
        Product::template add<kAlone>(columns[half], rows.of(pair), index * kHalves + half, exact);
      }
      const Two<float32x4_t> row_scales = Product::of_rows(prepared.scales + at);
      add_scaled({vcvtq_f32_s32(exact.first), vcvtq_f32_s32(exact.second)}, scales, row_scales, sums[pair]);
      if constexpr (Weights::kHasMinimum) {
        add_scaled(Product::of_rows(prepared.sums + at), minima, row_scales, sums[pair]);
      }
      // One pair after the other: the compiler would begin so many that they do not fit the registers.
      asm volatile("" : "+w"(sums[pair].first), "+w"(sums[pair].second) : : "memory");
    });
  }

  // The columns of all joined blocks, of one quad: their exact sums are registers meanwhile.
  template <class Weights, std::size_t kTokens>
  [[gnu::always_inline]] static inline void add_joined_products(const std::byte* block, std::size_t part,
                                                                std::size_t quad, const Rows& rows,
                                                                const Prepared<Weights>& prepared,
                                                                Two<float32x4_t> (&sums)[kPairs<kTokens>]) {
    static_assert(Weights::kScales == 1 && !Weights::kHasMinimum);
    Two<int32x4_t> exact[kPairs<kTokens>];
    for (std::size_t pair = 0; pair < kPairs<kTokens>; ++pair) {
      exact[pair] = {vdupq_n_s32(0), vdupq_n_s32(0)};
      if constexpr (Weights::kOffset != 0) {
        exact[pair] = Product::of_rows(prepared.starts + rows.prepared + pair * Product::kNumbers);
      }
    }
    for (std::size_t j = 0; j < Weights::kJoined; ++j) {
      const Rows of_block = rows.block(j);
      for (std::size_t half = 0; half < 2; ++half) {
        int8x16_t columns[4];
        unpack<Weights>(Weights::codes(block, part + j), half, quad, columns);
        Product::arrange(columns);
        each_pair<kTokens>([&]<bool kAlone>(std::size_t pair) __attribute__((always_inline)) {
          Product::template add<kAlone>(columns, of_block.of(pair), half, exact[pair]);
        });
      }
    }
    const Two<float32x4_t> scales = Product::of_weights(scales_of<Weights>(block, part, 0, quad));
    for (std::size_t pair = 0; pair < kPairs<kTokens>; ++pair) {
      const Two<float32x4_t> row_scales = Product::of_rows(prepared.scales + rows.prepared + pair * Product::kNumbers);
      add_scaled({vcvtq_f32_s32(exact[pair].first), vcvtq_f32_s32(exact[pair].second)}, scales, row_scales, sums[pair]);
    }
  }

  // sums += numbers * (weights * rows)
  [[gnu::always_inline]] static inline void add_scaled(const Two<float32x4_t>& numbers, const Two<float32x4_t>& weights,
                                                       const Two<float32x4_t>& rows, Two<float32x4_t>& sums) {
    sums.first = vfmaq_f32(sums.first, numbers.first, vmulq_f32(weights.first, rows.first));
    sums.second = vfmaq_f32(sums.second, numbers.second, vmulq_f32(weights.second, rows.second));
  }

  // do_pair<kAlone>(pair) for every pair; the last is one row where their number is odd. Not a loop: sums are
  // registers.
  template <std::size_t kTokens, class DoPair>
  [[gnu::always_inline]] static inline void each_pair(DoPair&& do_pair) {
    [&]<std::size_t... kPair>(std::index_sequence<kPair...>) __attribute__((always_inline)) {
      (do_pair.template operator()<2 * kPair + 1 == kTokens>(kPair), ...);
    }
    (std::make_index_sequence<kPairs<kTokens>>{});
  }
};

}  // namespace
}  // namespace linnet::kernels::tile_neon
