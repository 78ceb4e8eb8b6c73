// The tiles of the NEON variants: rows of activations one by one, for cores without dot products (EachRow), and what
// every variant does with all rows and formats.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include "kernels/matmul/weights_neon.h"

namespace linnet::kernels::tile_neon {
namespace {

inline constexpr std::size_t kGroup = 4;  // Panels that stay in the L2 cache while all activations pass.

// The numbers of a block's kTokens rows, which lie side by side, as registers where they fill them.
template <std::size_t kTokens>
class RowScales {
 public:
  explicit RowScales(const float* from) : from_(from) {
    for (std::size_t four = 0; four < kFours; ++four) fours_[four] = vld1q_f32(from + 4 * four);
  }
  float operator[](std::size_t t) const { return t / 4 < kFours ? fours_[t / 4][t % 4] : from_[t]; }

 private:
  static constexpr std::size_t kFours = kTokens / 4;
  const float* from_;
  float32x4_t fours_[kFours + 1];
};

// What products of unsigned codes begin with: the offset's part, taken off all codes of a row at once. Those of joined
// blocks lie `stride` apart.
template <class Weights, std::size_t kTokens>
class RowStarts {
 public:
  RowStarts(const std::int32_t* sums, std::size_t stride) : sums_(sums), stride_(stride) {
    for (std::size_t four = 0; four < kFours; ++four) {
      int32x4_t sum = vld1q_s32(sums + 4 * four);
      for (std::size_t j = 1; j < Weights::kJoined; ++j) sum = vaddq_s32(sum, vld1q_s32(sums + j * stride + 4 * four));
      fours_[four] = vmulq_n_s32(sum, -Weights::kOffset);
    }
  }
  std::int32_t operator[](std::size_t t) const {
    if constexpr (Weights::kOffset == 0) return 0;
    if (t / 4 < kFours) return fours_[t / 4][t % 4];
    std::int32_t sum = sums_[t];
    for (std::size_t j = 1; j < Weights::kJoined; ++j) sum += sums_[j * stride_ + t];
    return -Weights::kOffset * sum;
  }

 private:
  static constexpr std::size_t kFours = Weights::kOffset == 0 ? 0 : kTokens / 4;
  const std::int32_t* sums_;
  std::size_t stride_;
  int32x4_t fours_[kFours + 1];
};

// How rows of activations are multiplied: `tiles` takes kTileRows of them or fewer, of one tile.

// Each row of activations by itself: `Product` multiplies one with one quad. Both rows of a pair lie in the registers
// that are loaded for it, so `Product::add` is told where a row's fours are: from lane kFirst of `first` on are those
// of columns 0 … 7, from lane kSecond of `second` on those of columns 8 … 15.
template <template <class> class Product, std::size_t kRows>
class EachRow {
 public:
  static constexpr std::size_t kTileRows = kRows;  // Activation rows at once.
  static_assert(kActivationRows % kTileRows == 0);

  // All panels times kTokens activation rows from row `r` on.
  template <class Weights, std::size_t kTokens>
  static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r,
                    float* out, std::size_t out_stride) {
    for (std::size_t p = 0; p < panel_count; ++p) {
      tile<Weights, kTokens>(panels + p * panel_size<Weights>(in), in, r, out + 16 * p, out_stride);
    }
  }

 private:
  // One block of the rows of activations, the next of which is number `stride` from it.
  struct Rows {
    const std::int8_t* values;
    const float* scales;
    const std::int32_t* sums;
    std::size_t stride;
  };

  // One panel, kQuads quads at a time: as many as leave the accumulators in registers.
  template <class Weights, std::size_t kTokens>
  static void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
    constexpr std::size_t kQuads = kTokens <= 2 ? 4 : kTokens <= 4 ? 2 : 1;
    const Q8Place place = in.place(r);
    const bool ahead = in.ahead && r == 0;  // Later rows find the panel in the cache.
    for (std::size_t quad = 0; quad < 4; quad += kQuads) {
      float32x4_t accumulators[kTokens][kQuads];
      for (auto& row : accumulators) {
        for (float32x4_t& accumulator : row) accumulator = vdupq_n_f32(0.0F);
      }
      for (std::size_t b = 0; b < in.blocks(); b += Weights::kJoined) {
        const std::byte* const block = panel + b / Weights::kParts * Weights::kBlockBytes;
        const std::size_t part = b % Weights::kParts;
        if (ahead && quad == 0) panel_parts::ask_ahead<Weights>(Weights::codes(block, part));
        const std::size_t first = place.first + b * place.stride;
        const Rows rows{in.values + first * kActivationBlock, in.scales + first, in.sums + first, place.stride};
        add_block<Weights>(block, part, quad, rows, accumulators);
      }
      for (std::size_t t = 0; t < kTokens; ++t) {
        for (std::size_t q = 0; q < kQuads; ++q) {
          vst1q_f32(out + (r + t) * out_stride + 4 * (quad + q), accumulators[t][q]);
        }
      }
    }
  }

  // Quads `quad` … `quad + kQuads - 1` of part `part` of a panel block, and of those joined to it, times as many blocks
  // of kTokens rows.
  template <class Weights, std::size_t kTokens, std::size_t kQuads>
  static void add_block(const std::byte* block, std::size_t part, std::size_t quad, const Rows& rows,
                        float32x4_t (&accumulators)[kTokens][kQuads]) {
    constexpr std::size_t kHalves = 2 / Weights::kScales;
    const RowScales<kTokens> row_scales(rows.scales);
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      const RowStarts<Weights, kTokens> starts(rows.sums, rows.stride);
      Product<Weights> products[kTokens][kQuads];
      for (std::size_t t = 0; t < kTokens; ++t) {
        for (Product<Weights>& product : products[t]) product.begin(starts[t]);
      }
      for (std::size_t j = 0; j < Weights::kJoined; ++j) {
        if (j != 0) widen(products);
        const std::int8_t* const values = rows.values + j * rows.stride * kActivationBlock;
        for (std::size_t half = index * kHalves; half < (index + 1) * kHalves; ++half) {
          add_half<Weights>(Weights::codes(block, part + j), half, quad, values, products);
        }
      }
      for (std::size_t q = 0; q < kQuads; ++q) {
        const float32x4_t scales = scales_of<Weights>(block, part, index, quad + q);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const float32x4_t scale = vmulq_n_f32(scales, row_scales[t]);
          const float32x4_t number = vcvtq_f32_s32(products[t][q].sums());
          asm("fmla %0.4s, %1.4s, %2.4s" : "+w"(accumulators[t][q]) : "w"(number), "w"(scale));
        }
      }
    }
    if constexpr (Weights::kHasMinimum) {
      for (std::size_t q = 0; q < kQuads; ++q) {
        const float32x4_t minima = minima_of<Weights>(block, part, quad + q);
        for (std::size_t t = 0; t < kTokens; ++t) {
          const float32x4_t sum = vdupq_n_f32(static_cast<float>(rows.sums[t]));
          accumulators[t][q] = vfmaq_f32(accumulators[t][q], sum, vmulq_n_f32(minima, row_scales[t]));
        }
      }
    }
  }

  template <class Weights, std::size_t kTokens, std::size_t kQuads>
  static void widen(Product<Weights> (&products)[kTokens][kQuads]) {
    for (auto& row : products) {
      for (Product<Weights>& product : row) product.widen();
    }
  }

  // Columns 16 half … 16 half + 15, exactly. `values` is the tile's block of activations, as q8_offset says. Inlined
  // always: products are registers.
  template <class Weights, std::size_t kTokens, std::size_t kQuads>
  [[gnu::always_inline]] static inline void add_half(const std::byte* codes, std::size_t half, std::size_t quad,
                                                     const std::int8_t* values,
                                                     Product<Weights> (&products)[kTokens][kQuads]) {
    for (std::size_t q = 0; q < kQuads; ++q) {
      int8x16_t columns[4];
      unpack<Weights>(codes, half, quad + q, columns);
      for (std::size_t t = 0; t + 1 < kTokens; t += 2) {
        const std::int8_t* const pair = values + t * kActivationBlock + 32 * half;
        const int8x16_t first = vld1q_s8(pair);
        const int8x16_t second = vld1q_s8(pair + 16);
        products[t][q].template add<0, 0>(columns, first, second);
        products[t + 1][q].template add<2, 2>(columns, first, second);
      }
      if constexpr (kTokens % 2 == 1) {
        const int8x16_t both = vld1q_s8(values + (kTokens - 1) * kActivationBlock + 16 * half);
        products[kTokens - 1][q].template add<0, 2>(columns, both, both);
      }
      asm volatile("" : : : "memory");  // Quad by quad: begun all at once they do not fit the registers.
    }
  }
};

template <class Multiply, class Weights>
void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
             std::size_t out_stride) {
  Multiply::template tiles<Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

template <class Multiply, class Weights>
void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
               std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * panel_size<Weights>(in);
    float* const group_out = out + 16 * p;
    std::size_t r = 0;
    for (; r + Multiply::kTileRows <= in.rows; r += Multiply::kTileRows) {
      Multiply::template tiles<Weights, Multiply::kTileRows>(group, count, in, r, group_out, out_stride);
    }
    if constexpr (Multiply::kTileRows > 8) {
      if (r + 8 <= in.rows) {
        Multiply::template tiles<Weights, 8>(group, count, in, r, group_out, out_stride);
        r += 8;
      }
    }
    if constexpr (Multiply::kTileRows > 4) {
      if (r + 4 <= in.rows) {
        Multiply::template tiles<Weights, 4>(group, count, in, r, group_out, out_stride);
        r += 4;
      }
    }
    if constexpr (Multiply::kTileRows > 2) {
      switch (in.rows - r) {
        case 3: Multiply::template tiles<Weights, 3>(group, count, in, r, group_out, out_stride); continue;
        case 2: Multiply::template tiles<Weights, 2>(group, count, in, r, group_out, out_stride); continue;
        default: break;
      }
    }
    if (r < in.rows) Multiply::template tiles<Weights, 1>(group, count, in, r, group_out, out_stride);
  }
}

// Every format, with one row of activations multiplied as `OneRow` says and more as `ManyRows` does.
template <class OneRow, class ManyRows>
constexpr MatMulSet every_format() {
  return {
      .q8_0 = {one_row<OneRow, Q8_0>, many_rows<ManyRows, Q8_0>},
      .q4_0 = {one_row<OneRow, Q4_0>, many_rows<ManyRows, Q4_0>},
      .q4_1 = {one_row<OneRow, Q4_1>, many_rows<ManyRows, Q4_1>},
      .q5_0 = {one_row<OneRow, Q5_0>, many_rows<ManyRows, Q5_0>},
      .q5_1 = {one_row<OneRow, Q5_1>, many_rows<ManyRows, Q5_1>},
      .iq4_nl = {one_row<OneRow, IQ4_NL>, many_rows<ManyRows, IQ4_NL>},
      .q4_k = {one_row<OneRow, Q4_K>, many_rows<ManyRows, Q4_K>},
      .q5_k = {one_row<OneRow, Q5_K>, many_rows<ManyRows, Q5_K>},
      .q6_k = {one_row<OneRow, Q6_K>, many_rows<ManyRows, Q6_K>},
      .q4_64 = {one_row<OneRow, Q4_64>, many_rows<ManyRows, Q4_64>},
      .q4_128 = {one_row<OneRow, Q4_128>, many_rows<ManyRows, Q4_128>},
      .q8_128 = {one_row<OneRow, Q8_128>, many_rows<ManyRows, Q8_128>},
  };
}

}  // namespace
}  // namespace linnet::kernels::tile_neon
