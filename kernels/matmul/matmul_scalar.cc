#include <cmath>

#include "kernels/formats/half.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q4_1.h"
#include "kernels/formats/q8_0.h"
#include "kernels/matmul/matmul.h"

namespace linnet::kernels::scalar {
namespace {

// The integer code of row `row`, column `column` (0..31), less the format's offset.
int code(const Q8_0PanelBlock& block, std::size_t row, std::size_t column) {
  return block.chunks[column / 4][4 * row + column % 4];
}

template <class NibbleBlock>
int nibble(const NibbleBlock& block, std::size_t row, std::size_t column) {
  const int byte = block.chunks[column / 8][4 * row + column % 4];
  return column % 8 < 4 ? byte & 15 : byte >> 4;
}
int code(const Q4_0PanelBlock& block, std::size_t row, std::size_t column) { return nibble(block, row, column) - 8; }
int code(const Q4_1PanelBlock& block, std::size_t row, std::size_t column) { return nibble(block, row, column); }

// What a block's minimum adds: nothing in symmetric formats.
template <class Block>
float add_minimum(const Block&, std::size_t, float, float, float accumulator) {
  return accumulator;
}
float add_minimum(const Q4_1PanelBlock& block, std::size_t row, float sum, float scale, float accumulator) {
  return std::fma(sum, f16_to_f32(block.minima[row]) * scale, accumulator);
}

// One output: row `row` of a panel times row `r` of the activations.
template <class Block>
float dot(const Block* blocks, std::size_t row, const Q8Activations& in, std::size_t r) {
  float accumulator = 0.0F;
  for (std::size_t b = 0; b < in.blocks(); ++b) {
    const std::int8_t* const values = in.values + r * in.columns + b * kActivationBlock;
    std::int32_t product = 0;
    for (std::size_t i = 0; i < kActivationBlock; ++i) product += code(blocks[b], row, i) * values[i];
    const float scale = in.scales[r * in.blocks() + b];
    const auto sum = static_cast<float>(in.sums[r * in.blocks() + b]);
    accumulator = std::fma(static_cast<float>(product), f16_to_f32(blocks[b].scales[row]) * scale, accumulator);
    accumulator = add_minimum(blocks[b], row, sum, scale, accumulator);
  }
  return accumulator;
}

template <class Block>
void multiply(const std::byte* panels, std::size_t panel_count, const Q8Activations& in, float* out,
              std::size_t out_stride) {
  // Panels lie on multiples of 32 bytes by their format; only their content is read through this type.
  const auto* const blocks = reinterpret_cast<const Block*>(panels);
  for (std::size_t r = 0; r < in.rows; ++r) {
    for (std::size_t i = 0; i < panel_count * kPanelRows; ++i) {
      out[r * out_stride + i] = dot(blocks + i / kPanelRows * in.blocks(), i % kPanelRows, in, r);
    }
  }
}

}  // namespace

const MatMul kMatMulQ8_0{multiply<Q8_0PanelBlock>, multiply<Q8_0PanelBlock>};
const MatMul kMatMulQ4_0{multiply<Q4_0PanelBlock>, multiply<Q4_0PanelBlock>};
const MatMul kMatMulQ4_1{multiply<Q4_1PanelBlock>, multiply<Q4_1PanelBlock>};

}  // namespace linnet::kernels::scalar
