#include "kernels/formats/q4_1.h"

#include <algorithm>
#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q4_1Block>(bytes);
  const float scale = f16_to_f32(block.scale);
  const float minimum = f16_to_f32(block.minimum);
  for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(nibble(block.nibbles, i)) + minimum;
}

void quantize(const float* in, std::byte* bytes) {
  const auto [least, largest] = std::minmax_element(in, in + 32);
  const float minimum = *least;
  const float scale = (*largest - minimum) / 15.0F;
  const float inverse = inverse_or_zero(scale);
  Q4_1Block block{};
  block.scale = f32_to_f16(scale);
  block.minimum = f32_to_f16(minimum);
  const auto code = [&](std::size_t i) { return nearest_code(std::floor((in[i] - minimum) * inverse + 0.5F), 0, 15); };
  for (std::size_t j = 0; j < 16; ++j) block.nibbles[j] = static_cast<std::uint8_t>(code(j) | (code(j + 16) << 4));
  store(bytes, block);
}

void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  store(panel_block + 2 * (kPanelRows + row), load<std::uint16_t>(block + 2));
  pack_nibbles(block + 4, row, panel_block + 4 * kPanelRows);
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  store(block + 2, load<std::uint16_t>(panel_block + 2 * (kPanelRows + row)));
  unpack_nibbles(panel_block + 4 * kPanelRows, row, block + 4);
}

}  // namespace

const BlockCode kQ4_1Code{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
