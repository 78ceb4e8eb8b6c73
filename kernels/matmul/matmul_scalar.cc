#include <cmath>

#include "kernels/formats/half.h"
#include "kernels/formats/iq4_nl.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q4_1.h"
#include "kernels/formats/q4_group.h"
#include "kernels/formats/q4_k.h"
#include "kernels/formats/q5_0.h"
#include "kernels/formats/q5_1.h"
#include "kernels/formats/q5_k.h"
#include "kernels/formats/q6_k.h"
#include "kernels/formats/q8_0.h"
#include "kernels/matmul/matmul.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

// 32 columns of a panel block: all of it, or one part of a larger one.
template <class Block>
struct Columns {
  const Block& block;
  std::size_t part;
};

template <class Block>
constexpr std::size_t kPartsOf = 1;
template <>
constexpr std::size_t kPartsOf<Q4_KPanelBlock> = 8;
template <>
constexpr std::size_t kPartsOf<Q5_KPanelBlock> = 8;
template <>
constexpr std::size_t kPartsOf<Q6_KPanelBlock> = 8;
template <>
constexpr std::size_t kPartsOf<Q4_64PanelBlock> = 2;
template <>
constexpr std::size_t kPartsOf<Q4_128PanelBlock> = 4;
template <>
constexpr std::size_t kPartsOf<Q8_128PanelBlock> = 4;

// Parts whose products are summed before they are scaled: where one scale of weights and one of activations is theirs.
template <class Block>
constexpr std::size_t kJoinedOf = kPartsOf<Block> == 8 ? 1 : kPartsOf<Block>;

// Scales that a row has in 32 columns; each covers as many of them.
template <class Block>
constexpr std::size_t kScalesOf = 1;
template <>
constexpr std::size_t kScalesOf<Q6_KPanelBlock> = 2;

template <class Chunked>
int nibble(const Chunked& of, std::size_t row, std::size_t column) {
  const int byte = of.chunks[column / 8][4 * row + column % 4];
  return column % 8 < 4 ? byte & 15 : byte >> 4;
}
template <class WithFifthBits>
int five_bits(const WithFifthBits& of, std::size_t row, std::size_t column) {
  const int fifth = of.fifth_bits[4 * row + column % 4] >> (column / 4) & 1;
  return nibble(of, row, column) | fifth << 4;
}

// The integer code of row `row`, column `column` (0..31), less the format's offset.
template <std::size_t kWeights>
int code(const Columns<Q8PanelBlock<kWeights>>& of, std::size_t row, std::size_t column) {
  return of.block.chunks[8 * of.part + column / 4][4 * row + column % 4];
}
int code(const Columns<Q4_0PanelBlock>& of, std::size_t row, std::size_t column) {
  return nibble(of.block, row, column) - 8;
}
template <std::size_t kWeights>
int code(const Columns<Q4GroupPanelBlock<kWeights>>& of, std::size_t row, std::size_t column) {
  return nibble(of.block.parts[of.part], row, column) - 8;
}
int code(const Columns<Q4_1PanelBlock>& of, std::size_t row, std::size_t column) {
  return nibble(of.block, row, column);
}
int code(const Columns<IQ4_NLPanelBlock>& of, std::size_t row, std::size_t column) {
  return kIQ4_NLValues[nibble(of.block, row, column)];
}
int code(const Columns<Q5_0PanelBlock>& of, std::size_t row, std::size_t column) {
  return five_bits(of.block, row, column) - 16;
}
int code(const Columns<Q5_1PanelBlock>& of, std::size_t row, std::size_t column) {
  return five_bits(of.block, row, column);
}
int code(const Columns<Q4_KPanelBlock>& of, std::size_t row, std::size_t column) {
  return nibble(of.block.parts[of.part], row, column);
}
int code(const Columns<Q5_KPanelBlock>& of, std::size_t row, std::size_t column) {
  return five_bits(of.block.parts[of.part], row, column);
}
int code(const Columns<Q6_KPanelBlock>& of, std::size_t row, std::size_t column) {
  const Q6_KPanelPart& part = of.block.parts[of.part];
  const int upper = part.upper_bits[column / 16][4 * row + column % 4] >> (2 * (column / 4 % 4)) & 3;
  return (nibble(part, row, column) | upper << 4) - 32;
}

// A row's scale number `index` (below kScalesOf).
template <class Block>
float weight_scale(const Columns<Block>& of, std::size_t, std::size_t row) {
  return f16_to_f32(of.block.scales[row]);
}
template <class Block>
requires(kPartsOf<Block> == 8 && kScalesOf<Block> == 1) float weight_scale(const Columns<Block>& of, std::size_t,
                                                                           std::size_t row) {
  return f16_to_f32(of.block.scales[row]) * static_cast<float>(of.block.parts[of.part].sub_scales[row]);
}
float weight_scale(const Columns<Q6_KPanelBlock>& of, std::size_t index, std::size_t row) {
  return f16_to_f32(of.block.scales[row]) * static_cast<float>(of.block.parts[of.part].sub_scales[index][row]);
}

// What a row adds to every weight: nothing in symmetric formats.
template <class Block>
concept HasMinimum = requires(const Block& block) {
  block.minima;
};
template <HasMinimum Block>
float weight_minimum(const Columns<Block>& of, std::size_t row) {
  return f16_to_f32(of.block.minima[row]);
}
template <HasMinimum Block>
requires(kPartsOf<Block> == 8) float weight_minimum(const Columns<Block>& of, std::size_t row) {
  return -(f16_to_f32(of.block.minima[row]) * static_cast<float>(of.block.parts[of.part].sub_minima[row]));
}

// The exact product of row `row` and block `b` of row `r` of the activations, over kCount columns from column `first`.
template <std::size_t kCount, class Block>
std::int32_t exact(const Columns<Block>& columns, std::size_t row, const Q8Activations& in, const Q8Place& place,
                   std::size_t b, std::size_t first) {
  std::int32_t product = 0;
  for (std::size_t i = first; i < first + kCount; ++i) product += code(columns, row, i) * in.values[place.value(b, i)];
  return product;
}

// One output: row `row` of a panel times row `r` of the activations.
template <class Block>
float dot(const Block* blocks, std::size_t row, const Q8Activations& in, std::size_t r) {
  constexpr std::size_t kCount = kActivationBlock / kScalesOf<Block>;
  float accumulator = 0.0F;
  const Q8Place place = in.place(r);
  for (std::size_t b = 0; b < in.blocks(); b += kJoinedOf<Block>) {
    const Columns<Block> columns{blocks[b / kPartsOf<Block>], b % kPartsOf<Block>};
    const std::size_t number = place.first + b * place.stride;
    const float scale = in.scales[number];
    for (std::size_t g = 0; g < kScalesOf<Block>; ++g) {
      std::int32_t product = 0;
      for (std::size_t j = 0; j < kJoinedOf<Block>; ++j) {
        product += exact<kCount>(Columns<Block>{columns.block, columns.part + j}, row, in, place, b + j, kCount * g);
      }
      accumulator = std::fma(static_cast<float>(product), weight_scale(columns, g, row) * scale, accumulator);
    }
    if constexpr (HasMinimum<Block>) {
      const auto sum = static_cast<float>(in.sums[number]);
      accumulator = std::fma(sum, weight_minimum(columns, row) * scale, accumulator);
    }
  }
  return accumulator;
}

template <class Block>
void multiply(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
              std::size_t out_stride) {
  // Panels lie on multiples of 32 bytes by their format; only their content is read through this type.
  const auto* const blocks = reinterpret_cast<const Block*>(panels);
  const std::size_t panel_blocks = in.blocks() / kPartsOf<Block>;
  for (std::size_t r = 0; r < in.rows; ++r) {
    for (std::size_t i = 0; i < panel_count * kPanelRows; ++i) {
      out[r * out_stride + i] = dot(blocks + i / kPanelRows * panel_blocks, i % kPanelRows, in, r);
    }
  }
}

template <class Block>
constexpr MatMul entries() {
  return {multiply<Block>, multiply<Block>};
}

}  // namespace

const MatMulSet kMatMuls = {
    .q8_0 = entries<Q8_0PanelBlock>(),
    .q4_0 = entries<Q4_0PanelBlock>(),
    .q4_1 = entries<Q4_1PanelBlock>(),
    .q5_0 = entries<Q5_0PanelBlock>(),
    .q5_1 = entries<Q5_1PanelBlock>(),
    .iq4_nl = entries<IQ4_NLPanelBlock>(),
    .q4_k = entries<Q4_KPanelBlock>(),
    .q5_k = entries<Q5_KPanelBlock>(),
    .q6_k = entries<Q6_KPanelBlock>(),
    .q4_64 = entries<Q4_64PanelBlock>(),
    .q4_128 = entries<Q4_128PanelBlock>(),
    .q8_128 = entries<Q8_128PanelBlock>(),
};

}  // namespace linnet::kernels::LINNET_SCALAR
