// The tiles of the NEON variants, which differ in how they multiply bytes alone (`Multiply`).
//
// Everything is static: this header is compiled once for each instruction set.
#pragma once

#include <arm_neon.h>

#include "kernels/formats/iq4_nl.h"
#include "kernels/matmul/matmul.h"

namespace linnet::kernels::tile_neon {

inline constexpr std::size_t kGroup = 4;  // Panels that stay in the L2 cache while all activations pass.
inline constexpr std::size_t kScaleBytes = 2 * kPanelRows;
inline constexpr std::size_t kNibbleBytes = 256;  // Of 16 rows x 32 columns.

static inline int8x16_t load_bytes(const std::byte* from) {
  return vld1q_s8(reinterpret_cast<const std::int8_t*>(from));
}

static inline float32x4_t load_scales(const std::byte* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from))));
}

// A format gives columns 16 h … 16 h + 15 of four of a panel's rows (quad q = rows 4 q … 4 q + 3) as four registers,
// each with 4 columns of every row, and what is to be taken off each code. It tells how many blocks of 32 columns a
// panel block holds (kParts), how many scales a row has in each (kScales), and whether a lane of 16 bits holds the
// products of those that share a scale (kIsShort).

// Formats of 32 columns: scales (and minima) first, then codes.
template <std::int32_t kCodeOffset, bool kMinimum, std::size_t kCodeBytes>
struct Block32 {
  static constexpr std::size_t kParts = 1;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kCodes = kMinimum ? 2 * kScaleBytes : kScaleBytes;
  static constexpr std::size_t kBlockBytes = kCodes + kCodeBytes;
  static constexpr std::int32_t kOffset = kCodeOffset;
  static constexpr bool kHasMinimum = kMinimum;

  static const std::byte* codes(const std::byte* block, std::size_t) { return block + kCodes; }
  static float32x4_t scales(const std::byte* block, std::size_t, std::size_t, std::size_t quad) {
    return load_scales(block + 8 * quad);
  }
  static float32x4_t minima(const std::byte* block, std::size_t, std::size_t quad) {
    return load_scales(block + kScaleBytes + 8 * quad);
  }
};

struct Q8_0 : Block32<0, false, 512> {
  static constexpr bool kIsShort = false;

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 4; ++i) columns[i] = load_bytes(codes + 64 * (4 * half + i) + 16 * quad);
  }
};

static inline uint8x16_t load_unsigned(const std::byte* from) {
  return vld1q_u8(reinterpret_cast<const std::uint8_t*>(from));
}

static inline void unpack_nibbles(const std::byte* codes, std::size_t half, std::size_t quad,
                                  uint8x16_t (&columns)[4]) {
  for (std::size_t i = 0; i < 2; ++i) {
    const uint8x16_t both = load_unsigned(codes + 64 * (2 * half + i) + 16 * quad);
    columns[2 * i] = vandq_u8(both, vdupq_n_u8(15));
    columns[2 * i + 1] = vshrq_n_u8(both, 4);
  }
}

// Looks the code book's values up.
struct IQ4_NL : Block32<0, false, kNibbleBytes> {
  static constexpr bool kIsShort = false;

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t indices[4];
    unpack_nibbles(codes, half, quad, indices);
    const int8x16_t table = vld1q_s8(kIQ4_NLValues);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = vqtbl1q_s8(table, indices[i]);
  }
};

template <class Base>
struct Nibbles : Base {
  static constexpr bool kIsShort = true;  // 8 * 15 * 127 = 15,240.

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    for (std::size_t i = 0; i < 4; ++i) columns[i] = vreinterpretq_s8_u8(nibbles[i]);
  }
};

// Behind the nibbles lie the fifth bits: bit k of a byte belongs to columns 4 k … 4 k + 3.
template <class Base>
struct Fives : Base {
  static constexpr bool kIsShort = true;  // 8 * 31 * 127 = 31,496.

  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    const uint8x16_t all = load_unsigned(codes + kNibbleBytes + 16 * quad);
    for (std::size_t i = 0; i < 4; ++i) {
      // Bit 4 half + i comes to bit 4; a negative count shifts to the right.
      const auto count = static_cast<std::int8_t>(4 - static_cast<int>(4 * half + i));
      const uint8x16_t fifth = vandq_u8(vshlq_u8(all, vdupq_n_s8(count)), vdupq_n_u8(16));
      columns[i] = vreinterpretq_s8_u8(vorrq_u8(nibbles[i], fifth));
    }
  }
};

using Q4_0 = Nibbles<Block32<8, false, kNibbleBytes>>;
using Q4_1 = Nibbles<Block32<0, true, kNibbleBytes>>;
using Q5_0 = Fives<Block32<16, false, kNibbleBytes + 64>>;
using Q5_1 = Fives<Block32<0, true, kNibbleBytes + 64>>;

// One scale for several parts of 32 columns.
template <std::size_t kGroupParts>
struct Grouped : Block32<8, false, kGroupParts * kNibbleBytes> {
  static constexpr std::size_t kParts = kGroupParts;
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return block + kScaleBytes + part * kNibbleBytes;
  }
};

using Q4_64 = Nibbles<Grouped<2>>;
using Q4_128 = Nibbles<Grouped<4>>;

// Four neighbouring bytes as they are or with their sign.
static inline std::uint32_t load_four(const std::byte* from) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, from, sizeof bits);
  return bits;
}
static inline float32x4_t unsigned_floats(const std::byte* four) {
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(load_four(four))));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
}
static inline float32x4_t signed_floats(const std::byte* four) {
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(load_four(four))));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

// Super-blocks with minima: f16 scales and minima, then in each part 6-bit multiples of them and the codes.
template <std::size_t kCodeBytes>
struct WithMinima {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kScales = 1;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kCodeBytes;
  static constexpr std::size_t kBlockBytes = 2 * kScaleBytes + kParts * kPartBytes;
  static constexpr std::int32_t kOffset = 0;
  static constexpr bool kHasMinimum = true;

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + 2 * kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
  static float32x4_t scales(const std::byte* block, std::size_t part, std::size_t, std::size_t quad) {
    return vmulq_f32(load_scales(block + 8 * quad), unsigned_floats(part_of(block, part) + 4 * quad));
  }
  static float32x4_t minima(const std::byte* block, std::size_t part, std::size_t quad) {
    const float32x4_t sub = unsigned_floats(part_of(block, part) + kPanelRows + 4 * quad);
    return vnegq_f32(vmulq_f32(load_scales(block + kScaleBytes + 8 * quad), sub));
  }
};

using Q4_K = Nibbles<WithMinima<kNibbleBytes>>;
using Q5_K = Fives<WithMinima<kNibbleBytes + 64>>;

// Two signed 8-bit multiples of the scale a part, and signed codes of 6 bits. Upper bits 2 k and 2 k + 1 of a byte of
// columns 16 h … 16 h + 15 belong to columns 16 h + 4 k … + 3.
struct Q6_K {
  static constexpr std::size_t kParts = 8;
  static constexpr std::size_t kScales = 2;
  static constexpr std::size_t kPartBytes = 2 * kPanelRows + kNibbleBytes + 128;
  static constexpr std::size_t kBlockBytes = kScaleBytes + kParts * kPartBytes;
  static constexpr std::int32_t kOffset = 0;
  static constexpr bool kHasMinimum = false;
  static constexpr bool kIsShort = true;  // 4 * 32 * 127 = 16,256.

  static const std::byte* part_of(const std::byte* block, std::size_t part) {
    return block + kScaleBytes + part * kPartBytes;
  }
  static const std::byte* codes(const std::byte* block, std::size_t part) {
    return part_of(block, part) + 2 * kPanelRows;
  }
  static float32x4_t scales(const std::byte* block, std::size_t part, std::size_t index, std::size_t quad) {
    const float32x4_t sub = signed_floats(part_of(block, part) + kPanelRows * index + 4 * quad);
    return vmulq_f32(load_scales(block + 8 * quad), sub);
  }
  static void unpack(const std::byte* codes, std::size_t half, std::size_t quad, int8x16_t (&columns)[4]) {
    uint8x16_t nibbles[4];
    unpack_nibbles(codes, half, quad, nibbles);
    const uint8x16_t all = load_unsigned(codes + kNibbleBytes + 64 * half + 16 * quad);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto count = static_cast<std::int8_t>(4 - static_cast<int>(2 * i));
      const uint8x16_t upper = vandq_u8(vshlq_u8(all, vdupq_n_s8(count)), vdupq_n_u8(0x30));
      columns[i] = vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(nibbles[i], upper)), vdupq_n_s8(32));
    }
  }
};

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

// What products of unsigned codes begin with: the offset's part, taken off all codes of a row at once.
template <std::int32_t kOffset, std::size_t kTokens>
class RowStarts {
 public:
  explicit RowStarts(const std::int32_t* sums) : sums_(sums) {
    for (std::size_t four = 0; four < kFours; ++four) fours_[four] = vmulq_n_s32(vld1q_s32(sums + 4 * four), -kOffset);
  }
  std::int32_t operator[](std::size_t t) const {
    if constexpr (kOffset == 0) return 0;
    return t / 4 < kFours ? fours_[t / 4][t % 4] : -kOffset * sums_[t];
  }

 private:
  static constexpr std::size_t kFours = kOffset == 0 ? 0 : kTokens / 4;
  const std::int32_t* sums_;
  int32x4_t fours_[kFours + 1];
};

// How a block of codes is multiplied: `Products` adds columns 16 half … 16 half + 15 of kQuads quads times kTokens rows
// of activations, exactly, to what each row starts with, and tells the sums of four rows of weights at a time. Rows of
// activations lie kActivationBlock apart.

// Each row of activations by itself: `Product` multiplies one with one quad.
template <template <class> class Product, std::size_t kRows>
struct EachRow {
  static constexpr std::size_t kTileRows = kRows;  // Activation rows at once.
  static_assert(kActivationRows % kTileRows == 0);

  template <class Weights, std::size_t kTokens, std::size_t kQuads>
  class Products {
   public:
    explicit Products(const RowStarts<Weights::kOffset, kTokens>& starts) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        for (Product<Weights>& product : products_[t]) product.begin(starts[t]);
      }
    }
    void add(const std::byte* codes, std::size_t half, std::size_t quad, const std::int8_t* values) {
      for (std::size_t q = 0; q < kQuads; ++q) {
        int8x16_t columns[4];
        Weights::unpack(codes, half, quad + q, columns);
        for (std::size_t t = 0; t < kTokens; ++t) {
          products_[t][q].add(columns, vld1q_s8(values + t * kActivationBlock + 16 * half));
        }
      }
    }
    int32x4_t sums(std::size_t t, std::size_t q) const { return products_[t][q].sums(); }

   private:
    Product<Weights> products_[kTokens][kQuads];
  };
};

// Quads `quad` … `quad + kQuads - 1` of part `part` of a panel block times kTokens activation rows of one tile, from
// row `r` on; `b` is the activations' block.
template <class Multiply, class Weights, std::size_t kTokens, std::size_t kQuads>
static inline void add_block(const std::byte* block, const Q8Activations& in, std::size_t r, std::size_t b,
                             std::size_t quad, float32x4_t (&accumulators)[kTokens][kQuads]) {
  constexpr std::size_t kHalves = 2 / Weights::kScales;
  const Q8Place place = in.place(r);
  const std::size_t first = place.first + b * place.stride;
  const std::size_t part = b % Weights::kParts;
  const RowScales<kTokens> row_scales(in.scales + first);
  for (std::size_t index = 0; index < Weights::kScales; ++index) {
    typename Multiply::template Products<Weights, kTokens, kQuads> products(
        RowStarts<Weights::kOffset, kTokens>(in.sums + first));
    for (std::size_t half = index * kHalves; half < (index + 1) * kHalves; ++half) {
      products.add(Weights::codes(block, part), half, quad, in.values + first * kActivationBlock);
    }
    for (std::size_t q = 0; q < kQuads; ++q) {
      const float32x4_t scales = Weights::scales(block, part, index, quad + q);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const float32x4_t scale = vmulq_n_f32(scales, row_scales[t]);
        accumulators[t][q] = vfmaq_f32(accumulators[t][q], vcvtq_f32_s32(products.sums(t, q)), scale);
      }
    }
  }
  if constexpr (Weights::kHasMinimum) {
    for (std::size_t q = 0; q < kQuads; ++q) {
      const float32x4_t minima = Weights::minima(block, part, quad + q);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const float32x4_t sum = vdupq_n_f32(static_cast<float>(in.sums[first + t]));
        accumulators[t][q] = vfmaq_f32(accumulators[t][q], sum, vmulq_n_f32(minima, row_scales[t]));
      }
    }
  }
}

// One panel times kTokens activation rows, kQuads quads at a time: as many as leave the accumulators in registers.
template <class Multiply, class Weights, std::size_t kTokens>
static inline void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out,
                        std::size_t out_stride) {
  constexpr std::size_t kQuads = kTokens <= 2 ? 4 : kTokens <= 4 ? 2 : 1;
  for (std::size_t quad = 0; quad < 4; quad += kQuads) {
    float32x4_t accumulators[kTokens][kQuads];
    for (auto& row : accumulators) {
      for (float32x4_t& accumulator : row) accumulator = vdupq_n_f32(0.0F);
    }
    for (std::size_t b = 0; b < in.blocks(); ++b) {
      add_block<Multiply, Weights>(panel + b / Weights::kParts * Weights::kBlockBytes, in, r, b, quad, accumulators);
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      for (std::size_t q = 0; q < kQuads; ++q) vst1q_f32(out + t * out_stride + 4 * (quad + q), accumulators[t][q]);
    }
  }
}

// Bytes of one panel.
template <class Weights>
static inline std::size_t panel_size(const Q8Activations& in) {
  return in.blocks() / Weights::kParts * Weights::kBlockBytes;
}

template <class Multiply, class Weights, std::size_t kTokens>
static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r, float* out,
                  std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; ++p) {
    tile<Multiply, Weights, kTokens>(panels + p * panel_size<Weights>(in), in, r, out + r * out_stride + 16 * p,
                                     out_stride);
  }
}

template <class Multiply, class Weights>
static void one_row(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                    std::size_t out_stride) {
  tiles<Multiply, Weights, 1>(panels, panel_count, in, 0, out, out_stride);
}

template <class Multiply, class Weights>
static void many_rows(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
                      std::size_t out_stride) {
  for (std::size_t p = 0; p < panel_count; p += kGroup) {
    const std::size_t count = panel_count - p < kGroup ? panel_count - p : kGroup;
    const std::byte* const group = panels + p * panel_size<Weights>(in);
    float* const group_out = out + 16 * p;
    std::size_t r = 0;
    for (; r + Multiply::kTileRows <= in.rows; r += Multiply::kTileRows) {
      tiles<Multiply, Weights, Multiply::kTileRows>(group, count, in, r, group_out, out_stride);
    }
    if constexpr (Multiply::kTileRows > 4) {
      if (r + 4 <= in.rows) {
        tiles<Multiply, Weights, 4>(group, count, in, r, group_out, out_stride);
        r += 4;
      }
    }
    switch (in.rows - r) {
      case 3: tiles<Multiply, Weights, 3>(group, count, in, r, group_out, out_stride); break;
      case 2: tiles<Multiply, Weights, 2>(group, count, in, r, group_out, out_stride); break;
      case 1: tiles<Multiply, Weights, 1>(group, count, in, r, group_out, out_stride); break;
      default: break;
    }
  }
}

// Every format, with one row of activations multiplied as `OneRow` says and more as `ManyRows` does.
template <class OneRow, class ManyRows>
static constexpr MatMulSet every_format() {
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
  };
}

}  // namespace linnet::kernels::tile_neon
