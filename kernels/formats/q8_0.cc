#include "kernels/formats/q8_0.h"

#include <algorithm>

#include "kernels/formats/block_code.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {
namespace {

template <std::size_t kWeights>
void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q8Block<kWeights>>(bytes);
  const float scale = f16_to_f32(block.scale);
  for (std::size_t i = 0; i < kWeights; ++i) out[i] = scale * static_cast<float>(block.values[i]);
}

template <std::size_t kWeights>
void quantize(const float* in, std::byte* bytes) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < kWeights; ++i) largest = std::max(largest, std::abs(in[i]));
  const float scale = largest / 127.0F;
  const float inverse = inverse_or_zero(scale);
  Q8Block<kWeights> block{};
  block.scale = f32_to_f16(scale);
  for (std::size_t i = 0; i < kWeights; ++i) {
    block.values[i] = static_cast<std::int8_t>(nearest_code(in[i] * inverse, -127, 127));
  }
  store(bytes, block);
}

template <std::size_t kWeights>
void pack(const std::byte* block, std::size_t row, std::byte* panel_block) {
  store(panel_block + 2 * row, load<std::uint16_t>(block));
  std::byte* const chunks = panel_block + 2 * kPanelRows;
  for (std::size_t c = 0; c < kWeights / 4; ++c) {
    store(chunks + 64 * c + 4 * row, load<std::uint32_t>(block + 2 + 4 * c));
  }
}

template <std::size_t kWeights>
void unpack(const std::byte* panel_block, std::size_t row, std::byte* block) {
  store(block, load<std::uint16_t>(panel_block + 2 * row));
  const std::byte* const chunks = panel_block + 2 * kPanelRows;
  for (std::size_t c = 0; c < kWeights / 4; ++c) {
    store(block + 2 + 4 * c, load<std::uint32_t>(chunks + 64 * c + 4 * row));
  }
}

template <std::size_t kWeights>
constexpr BlockCode code_of() {
  return {dequantize<kWeights>, quantize<kWeights>, pack<kWeights>, unpack<kWeights>};
}

}  // namespace

const BlockCode kQ8_0Code = code_of<32>();
const BlockCode kQ8_128Code = code_of<128>();

}  // namespace linnet::kernels
