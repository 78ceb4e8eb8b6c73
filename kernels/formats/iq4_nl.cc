#include "kernels/formats/iq4_nl.h"

#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<IQ4_NLBlock>(bytes);
  const float scale = f16_to_f32(block.scale);
  for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(kIQ4_NLValues[nibble(block.nibbles, i)]);
}

// The index of the value nearest to x; 0 for NaN.
int nearest_index(float x) {
  int nearest = 0;
  for (int i = 1; i < 16; ++i) {
    const auto distance = [&](int index) { return std::abs(x - static_cast<float>(kIQ4_NLValues[index])); };
    if (distance(i) < distance(nearest)) nearest = i;
  }
  return nearest;
}

// The weight of largest magnitude becomes -127, the value of largest magnitude.
void quantize(const float* in, std::byte* bytes) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < 32; ++i) largest = std::abs(in[i]) > std::abs(largest) ? in[i] : largest;
  const float scale = largest / static_cast<float>(kIQ4_NLValues[0]);
  const float inverse = inverse_or_zero(scale);
  IQ4_NLBlock block{};
  block.scale = f32_to_f16(scale);
  for (std::size_t j = 0; j < 16; ++j) {
    const int low = nearest_index(in[j] * inverse);
    const int high = nearest_index(in[j + 16] * inverse);
    block.nibbles[j] = static_cast<std::uint8_t>(low | (high << 4));
  }
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

const BlockCode kIQ4_NLCode{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
