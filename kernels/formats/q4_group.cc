#include "kernels/formats/q4_group.h"

#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/nibbles.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

constexpr std::size_t kPartWeights = 32;
constexpr std::size_t kPartBytes = 16;        // Of one row.
constexpr std::size_t kPanelPartBytes = 256;  // Of 16 rows.

template <std::size_t kWeights>
void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q4GroupBlock<kWeights>>(bytes);
  const float scale = f16_to_f32(block.scale);
  for (std::size_t i = 0; i < kWeights; ++i) {
    out[i] = scale * static_cast<float>(nibble(block.nibbles[i / kPartWeights], i % kPartWeights) - 8);
  }
}

// As Q4_0's: the weight of largest magnitude becomes nibble 0, the code that has no positive twin.
template <std::size_t kWeights>
void quantize(const float* in, std::byte* bytes) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < kWeights; ++i) largest = std::abs(in[i]) > std::abs(largest) ? in[i] : largest;
  const float scale = largest / -8.0F;
  const float inverse = inverse_or_zero(scale);
  Q4GroupBlock<kWeights> block{};
  block.scale = f32_to_f16(scale);
  const auto code = [&](std::size_t i) { return nearest_code(std::floor(in[i] * inverse + 8.5F), 0, 15); };
  for (std::size_t part = 0; part < block.kParts; ++part) {
    for (std::size_t j = 0; j < kPartBytes; ++j) {
      const std::size_t i = kPartWeights * part + j;
      block.nibbles[part][j] = static_cast<std::uint8_t>(code(i) | (code(i + kPartBytes) << 4));
    }
  }
  store(bytes, block);
}

template <std::size_t kWeights>
void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  for (std::size_t part = 0; part < kWeights / kPartWeights; ++part) {
    pack_nibbles(block + 2 + kPartBytes * part, row, panel_block + 2 * kPanelRows + kPanelPartBytes * part);
  }
}

template <std::size_t kWeights>
void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  for (std::size_t part = 0; part < kWeights / kPartWeights; ++part) {
    unpack_nibbles(panel_block + 2 * kPanelRows + kPanelPartBytes * part, row, block + 2 + kPartBytes * part);
  }
}

template <std::size_t kWeights>
constexpr BlockCode code_of() {
  return {dequantize<kWeights>, quantize<kWeights>, pack<kWeights>, unpack<kWeights>};
}

}  // namespace

const BlockCode kQ4_64Code = code_of<64>();
const BlockCode kQ4_128Code = code_of<128>();

}  // namespace linnet::kernels
