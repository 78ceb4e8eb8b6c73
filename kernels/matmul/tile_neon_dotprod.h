// The product of one row with SDOT, for the variants that have it.
#pragma once

#include <type_traits>

#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::tile_neon {
namespace {

// A lane's four products of bytes are one instruction (SDOT), whose lane operand picks four activations: those of
// columns 0 … 7 lie from lane kFirst of `first` on, those of 8 … 15 from lane kSecond of `second` on.
template <int kFirst, int kSecond>
inline int32x4_t dot_product(int32x4_t sums, const int8x16_t (&columns)[4], int8x16_t first, int8x16_t second) {
  sums = vdotq_laneq_s32(sums, columns[0], first, kFirst);
  sums = vdotq_laneq_s32(sums, columns[1], first, kFirst + 1);
  sums = vdotq_laneq_s32(sums, columns[2], second, kSecond);
  return vdotq_laneq_s32(sums, columns[3], second, kSecond + 1);
}

// One row of activations, times all 16 rows of a panel at once.
class OneRow {
 public:
  static constexpr std::size_t kTileRows = 1;

  template <class Weights, std::size_t kTokens>
  static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t, float* out,
                    std::size_t) {
    using Codes = std::conditional_t<std::is_same_v<Weights, Q6_K>, UnsignedQ6_K, Weights>;
    for (std::size_t p = 0; p < panel_count; ++p) {
      const std::byte* const from = panels + p * panel_size<Weights>(in);
      in.ahead ? panel<Codes, true>(from, in, out + kPanelRows * p)
               : panel<Codes, false>(from, in, out + kPanelRows * p);
    }
  }

 private:
  static constexpr std::size_t kQuads = 4;

  // A block of activations.
  struct Row {
    const std::int8_t* values;
    const float* scale;
    const std::int32_t* sum;
  };

  // What the parts of a block share: in registers for several products, else loaded where it is used.
  template <class Weights>
  class BlockScales {
   public:
    explicit BlockScales(const std::byte* block) : block_(block) {
      for (std::size_t q = 0; q < kKept; ++q) {
        scales_[q] = Weights::block_scales(block, q);
        if constexpr (Weights::kHasMinimum) minima_[q] = Weights::block_minima(block, q);
      }
    }
    [[nodiscard]] float32x4_t scales(std::size_t q) const {
      return kKept == 0 ? Weights::block_scales(block_, q) : scales_[q];
    }
    [[nodiscard]] float32x4_t minima(std::size_t q) const {
      return kKept == 0 ? Weights::block_minima(block_, q) : minima_[q];
    }

   private:
    static constexpr std::size_t kKept = Weights::kParts > Weights::kJoined ? kQuads : 0;
    const std::byte* block_;
    float32x4_t scales_[kQuads];
    float32x4_t minima_[kQuads];
  };

  // What the products of a scale begin with, beside kAboveBits: the offset's part, taken off all codes at once.
  template <class Weights>
  class Starts {
   public:
    // `row` is that of the panel block's first part.
    explicit Starts(const Row& row) {
      if constexpr (Weights::kScales == 2) {
        const int8x16_t offset = vdupq_n_s8(-Weights::kOffset);
        const int32x4_t none = {kAboveBits, 0, 0, 0};
        for (std::size_t i = 0; i < kCount; i += 4) {
          int32x4_t sums[4];
          for (std::size_t k = 0; k < 4; ++k) sums[k] = vdotq_s32(none, vld1q_s8(row.values + 16 * (i + k)), offset);
          vst1q_s32(starts_ + i, vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3])));
        }
      }
    }
    // `row` is that of the part.
    [[nodiscard]] int32x4_t of(const Row& row, std::size_t part, std::size_t index) const {
      if constexpr (Weights::kScales == 2) return vld1q_dup_s32(starts_ + 2 * part + index);
      std::int32_t sum = 0;
      for (std::size_t j = 0; j < Weights::kJoined && Weights::kOffset != 0; ++j) sum += row.sum[j];
      return vdupq_n_s32(kAboveBits - Weights::kOffset * sum);
    }

   private:
    static constexpr std::size_t kCount = Weights::kScales == 2 ? 2 * Weights::kParts : 1;
    std::int32_t starts_[kCount];
  };

  // Inlined always: its sums are registers.
  template <class Weights, bool kAhead>
  [[gnu::always_inline]] static inline void panel(const std::byte* block, const Q8Activations& in, float* out) {
    const std::byte* const end = block + panel_size<Weights>(in);
    Row row{in.values, in.scales, in.sums};
    float32x4_t sums[kQuads];
    for (float32x4_t& sum : sums) sum = vdupq_n_f32(0.0F);
    for (; block != end; block += Weights::kBlockBytes) {
      const BlockScales<Weights> scales(block);
      const Starts<Weights> starts(row);
      for (std::size_t part = 0; part < Weights::kParts; part += Weights::kJoined) {
        if constexpr (kAhead) panel_parts::ask_ahead<Weights>(Weights::codes(block, part));
        add_products<Weights>(block, part, scales, starts, row, sums);
        if constexpr (Weights::kHasMinimum) add_minima<Weights>(block, part, scales, row, sums);
        row.values += Weights::kJoined * kActivationBlock;
        row.scale += Weights::kJoined;
        row.sum += Weights::kJoined;
      }
    }
    for (std::size_t q = 0; q < kQuads; ++q) vst1q_f32(out + 4 * q, sums[q]);
  }

  template <class Weights>
  static void add_products(const std::byte* block, std::size_t part, const BlockScales<Weights>& block_scales,
                           const Starts<Weights>& starts, const Row& row, float32x4_t (&sums)[kQuads]) {
    constexpr std::size_t kHalves = 2 / Weights::kScales;
#pragma GCC unroll 2
    for (std::size_t index = 0; index < Weights::kScales; ++index) {
      const int32x4_t start = starts.of(row, part, index);
      int32x4_t products[kQuads];
      for (int32x4_t& product : products) product = start;
#pragma GCC unroll 4
      for (std::size_t j = 0; j < Weights::kJoined; ++j) {
#pragma GCC unroll 2
        for (std::size_t half = index * kHalves; half < (index + 1) * kHalves; ++half) {
          add_half<Weights>(Weights::codes(block, part + j), half, row.values + j * kActivationBlock, products);
        }
      }
      for (std::size_t q = 0; q < kQuads; ++q) {
        const float32x4_t scales = Weights::scales(block_scales.scales(q), block, part, index, q);
        const float32x4_t scale = vmulq_n_f32(scales, *row.scale);
        const float32x4_t number = to_float(products[q]);
        asm("fmla %0.4s, %1.4s, %2.4s" : "+w"(sums[q]) : "w"(number), "w"(scale));
      }
    }
  }

  template <class Weights>
  static void add_minima(const std::byte* block, std::size_t part, const BlockScales<Weights>& block_scales,
                         const Row& row, float32x4_t (&sums)[kQuads]) {
    const auto sum = static_cast<float>(*row.sum);
    for (std::size_t q = 0; q < kQuads; ++q) {
      const float32x4_t minima = vmulq_n_f32(Weights::minima(block_scales.minima(q), block, part, q), *row.scale);
      sums[q] = vfmaq_n_f32(sums[q], minima, sum);
    }
  }

  // Columns 16 half … 16 half + 15, exactly.
  template <class Weights>
  static void add_half(const std::byte* codes, std::size_t half, const std::int8_t* values,
                       int32x4_t (&products)[kQuads]) {
    const int8x16_t row = vld1q_s8(values + 16 * half);
    for (std::size_t q = 0; q < kQuads; q += 2) {
      uint8x16_t stored[2][Weights::kStored];
      for (std::size_t i = 0; i < Weights::kStored; ++i) {
        const std::byte* const from = Weights::stored(codes, half, i) + 16 * q;
        stored[0][i] = load_bytes(from);
        stored[1][i] = load_bytes(from + 16);
        asm volatile("" : "+w"(stored[0][i]), "+w"(stored[1][i]));  // Side by side, they are one instruction (LDP).
      }
      for (std::size_t k = 0; k < 2; ++k) {
        int8x16_t columns[4];
        Weights::unpack(stored[k], half, columns);
        products[q + k] = dot_product<0, 2>(products[q + k], columns, row, row);
      }
      // Two quads after the other: begun all at once they do not fit the registers.
      asm volatile("" : "+w"(products[q]), "+w"(products[q + 1]));
    }
  }
};

}  // namespace
}  // namespace linnet::kernels::tile_neon
