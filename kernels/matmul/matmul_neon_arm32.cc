// For 32-bit ARM with NEON and VFPv4: Cortex-A7, and 64-bit cores under a 32-bit system.
//
// Products are NEON's; what they are scaled by and added to is VFPv4's, one number at a time, as NEON here takes small
// numbers (subnormals) for zeros.
#include <cmath>

#include "kernels/matmul/product_neon.h"
#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::neon {
namespace {

using tile_neon::Product;

// One block of kTokens rows of activations: one, or two that are a pair. The next block is number `stride` from it.
struct Rows {
  const std::int8_t* values;
  const float* scales;
  const std::int32_t* sums;
  std::size_t stride;

  // Of row t and all blocks that are joined.
  template <class Weights>
  [[nodiscard]] std::int32_t sum(std::size_t t) const {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < Weights::kJoined; ++j) sum += sums[j * stride + t];
    return sum;
  }
};

// Columns 16 half … 16 half + 15 of four rows of weights. `first` and `second` as `Product::add` takes them.
template <class Weights, std::size_t kTokens>
void add_half(const std::byte* codes, std::size_t half, std::size_t quad, const std::int8_t* values,
              Product<Weights> (&products)[kTokens]) {
  int8x16_t columns[4];
  tile_neon::unpack<Weights>(codes, half, quad, columns);
  if constexpr (kTokens == 2) {
    const int8x16_t first = vld1q_s8(values + 32 * half);
    const int8x16_t second = vld1q_s8(values + 32 * half + 16);
    products[0].template add<0, 0>(columns, first, second);
    products[1].template add<2, 2>(columns, first, second);
  } else {
    const int8x16_t both = vld1q_s8(values + 16 * half);
    products[0].template add<0, 2>(columns, both, both);
  }
}

// Four rows of weights in one part of a panel block and those joined to it, times as many blocks of activations.
template <class Weights, std::size_t kTokens>
void add_block(const std::byte* block, std::size_t part, std::size_t quad, const Rows& rows,
               float (&accumulators)[kTokens][4]) {
  constexpr std::size_t kHalves = 2 / Weights::kScales;
  for (std::size_t index = 0; index < Weights::kScales; ++index) {
    Product<Weights> products[kTokens];
    for (std::size_t t = 0; t < kTokens; ++t) products[t].begin(-Weights::kOffset * rows.sum<Weights>(t));
    for (std::size_t j = 0; j < Weights::kJoined; ++j) {
      for (std::size_t t = 0; j != 0 && t < kTokens; ++t) products[t].widen();
      const std::int8_t* const values = rows.values + j * rows.stride * kActivationBlock;
      for (std::size_t half = index * kHalves; half < (index + 1) * kHalves; ++half) {
        add_half<Weights>(Weights::codes(block, part + j), half, quad, values, products);
      }
    }
    const float32x4_t scales = tile_neon::scales_of<Weights>(block, part, index, quad);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const int32x4_t sums = products[t].sums();
      for (std::size_t i = 0; i < 4; ++i) {
        float& accumulator = accumulators[t][i];
        accumulator = std::fma(static_cast<float>(sums[i]), scales[i] * rows.scales[t], accumulator);
      }
    }
  }
  if constexpr (Weights::kHasMinimum) {
    const float32x4_t minima = tile_neon::minima_of<Weights>(block, part, quad);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const auto sum = static_cast<float>(rows.sums[t]);
      for (std::size_t i = 0; i < 4; ++i) {
        accumulators[t][i] = std::fma(sum, minima[i] * rows.scales[t], accumulators[t][i]);
      }
    }
  }
}

// Two rows of activations at once, which are a pair, or one.
class PairOrOne {
 public:
  static constexpr std::size_t kTileRows = 2;

  // All panels times kTokens activation rows from row `r` on.
  template <class Weights, std::size_t kTokens>
  static void tiles(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, std::size_t r,
                    float* out, std::size_t out_stride) {
    for (std::size_t p = 0; p < panel_count; ++p) {
      tile<Weights, kTokens>(panels + p * tile_neon::panel_size<Weights>(in), in, r, out + kPanelRows * p, out_stride);
    }
  }

 private:
  template <class Weights, std::size_t kTokens>
  static void tile(const std::byte* panel, const Q8Activations& in, std::size_t r, float* out, std::size_t out_stride) {
    const Q8Place place = in.place(r);
    for (std::size_t quad = 0; quad < 4; ++quad) {
      float accumulators[kTokens][4] = {};
      for (std::size_t b = 0; b < in.blocks(); b += Weights::kJoined) {
        const std::size_t first = place.first + b * place.stride;
        const Rows rows{in.values + first * kActivationBlock, in.scales + first, in.sums + first, place.stride};
        add_block<Weights>(panel + b / Weights::kParts * Weights::kBlockBytes, b % Weights::kParts, quad, rows,
                           accumulators);
      }
      for (std::size_t t = 0; t < kTokens; ++t) {
        for (std::size_t i = 0; i < 4; ++i) out[(r + t) * out_stride + 4 * quad + i] = accumulators[t][i];
      }
    }
  }
};

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<PairOrOne, PairOrOne>();

}  // namespace linnet::kernels::neon
