#include "kernels/formats/q5_1.h"

#include <algorithm>
#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/fifth_bits.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

constexpr std::size_t kMinima = 2 * kPanelRows;
constexpr std::size_t kChunks = 4 * kPanelRows;  // Where a panel block's nibbles start.
constexpr std::size_t kFifthBits = kChunks + 256;

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q5_1Block>(bytes);
  const float scale = f16_to_f32(block.scale);
  const float minimum = f16_to_f32(block.minimum);
  for (std::size_t i = 0; i < 32; ++i) {
    const int fifth = (block.fifth_bits[i / 8] >> (i % 8)) & 1;
    out[i] = scale * static_cast<float>(nibble(block.nibbles, i) | (fifth << 4)) + minimum;
  }
}

void quantize(const float* in, std::byte* bytes) {
  const auto [least, largest] = std::minmax_element(in, in + 32);
  const float minimum = *least;
  const float scale = (*largest - minimum) / 31.0F;
  const float inverse = inverse_or_zero(scale);
  Q5_1Block block{};
  block.scale = f32_to_f16(scale);
  block.minimum = f32_to_f16(minimum);
  for (std::size_t i = 0; i < 32; ++i) {
    const int code = nearest_code(std::floor((in[i] - minimum) * inverse + 0.5F), 0, 31);
    put_code(code, i, block.fifth_bits, block.nibbles);
  }
  store(bytes, block);
}

void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  store(panel_block + kMinima + 2 * row, load<std::uint16_t>(block + 2));
  pack_fifth_bits(load<std::uint32_t>(block + 4), row, panel_block + kFifthBits);
  pack_nibbles(block + 8, row, panel_block + kChunks);
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  store(block + 2, load<std::uint16_t>(panel_block + kMinima + 2 * row));
  store(block + 4, unpack_fifth_bits(panel_block + kFifthBits, row));
  unpack_nibbles(panel_block + kChunks, row, block + 8);
}

}  // namespace

const BlockCode kQ5_1Code{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
