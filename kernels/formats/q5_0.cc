#include "kernels/formats/q5_0.h"

#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/fifth_bits.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

constexpr std::size_t kChunks = 2 * kPanelRows;  // Where a panel block's nibbles start.
constexpr std::size_t kFifthBits = kChunks + 256;

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q5_0Block>(bytes);
  const float scale = f16_to_f32(block.scale);
  for (std::size_t i = 0; i < 32; ++i) {
    const int fifth = (block.fifth_bits[i / 8] >> (i % 8)) & 1;
    out[i] = scale * static_cast<float>((nibble(block.nibbles, i) | (fifth << 4)) - 16);
  }
}

void quantize(const float* in, std::byte* bytes) {
  float largest = 0.0F;  // With its sign: it becomes code 0, which has no positive twin.
  for (std::size_t i = 0; i < 32; ++i) largest = std::abs(in[i]) > std::abs(largest) ? in[i] : largest;
  const float scale = largest / -16.0F;
  const float inverse = inverse_or_zero(scale);
  Q5_0Block block{};
  block.scale = f32_to_f16(scale);
  for (std::size_t i = 0; i < 32; ++i) {
    // Halves go up, as in GGUF's reference.
    put_code(nearest_code(std::floor(in[i] * inverse + 16.5F), 0, 31), i, block.fifth_bits, block.nibbles);
  }
  store(bytes, block);
}

void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  pack_fifth_bits(load<std::uint32_t>(block + 2), row, panel_block + kFifthBits);
  pack_nibbles(block + 6, row, panel_block + kChunks);
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  store(block + 2, unpack_fifth_bits(panel_block + kFifthBits, row));
  unpack_nibbles(panel_block + kChunks, row, block + 6);
}

}  // namespace

const BlockCode kQ5_0Code{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
