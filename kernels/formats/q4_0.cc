#include "kernels/formats/q4_0.h"

#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q4_0Block>(bytes);
  const float scale = f16_to_f32(block.scale);
  for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(nibble(block.nibbles, i) - 8);
}

void quantize(const float* in, std::byte* bytes) {
  float largest = 0.0F;  // With its sign: it becomes nibble 0, the code that has no positive twin.
  for (std::size_t i = 0; i < 32; ++i) largest = std::abs(in[i]) > std::abs(largest) ? in[i] : largest;
  const float scale = largest / -8.0F;
  const float inverse = inverse_or_zero(scale);
  Q4_0Block block{};
  block.scale = f32_to_f16(scale);
  const auto code = [&](std::size_t i) {
    return nearest_code(std::floor(in[i] * inverse + 8.5F), 0, 15);  // Halves go up, as in GGUF's reference.
  };
  for (std::size_t j = 0; j < 16; ++j) block.nibbles[j] = static_cast<std::uint8_t>(code(j) | (code(j + 16) << 4));
  store(bytes, block);
}

void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  pack_nibbles(block + 2, row, panel_block + 2 * kPanelRows);
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  unpack_nibbles(panel_block + 2 * kPanelRows, row, block + 2);
}

}  // namespace

const BlockCode kQ4_0Code{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
