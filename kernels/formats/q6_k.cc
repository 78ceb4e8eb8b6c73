#include "kernels/formats/q6_k.h"

#include <cmath>

#include "kernels/formats/block_code.h"
#include "kernels/formats/rounding.h"
#include "kernels/formats/super_block.h"

namespace linnet::kernels {
namespace {

constexpr std::size_t kGroup = 16;  // Weights that share a sub-scale.
constexpr std::size_t kGroups = kSuperBlock / kGroup;

// The codes 0 … 63 of part j (0..7).
PartCodes read_part(const Q6_KBlock& block, std::size_t part) {
  const std::uint8_t* const nibbles = block.nibbles + 64 * (part / 4) + 32 * (part % 2);
  const std::uint8_t* const upper = block.upper_bits + 32 * (part / 4);
  const std::size_t nibble_shift = part % 4 < 2 ? 0 : 4;
  PartCodes codes;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned low = nibbles[i] >> nibble_shift & 15U;
    const unsigned high = upper[i] >> (2 * (part % 4)) & 3U;
    codes[i] = static_cast<std::uint8_t>(low | high << 4U);
  }
  return codes;
}

// Adds a part's codes at their places, which were zero.
void write_part(const PartCodes& codes, std::size_t part, Q6_KBlock& block) {
  for (std::size_t i = 0; i < 32; ++i) put_code(codes[i], 32 * part + i, block);
}

void dequantize(const std::byte* bytes, float* out) {
  const auto block = load<Q6_KBlock>(bytes);
  for (std::size_t j = 0; j < kParts; ++j) {
    const PartCodes codes = read_part(block, j);
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t group = 2 * j + i / kGroup;
      const float scale = f16_to_f32(block.scale) * static_cast<float>(block.sub_scales[group]);
      out[32 * j + i] = scale * static_cast<float>(codes[i] - 32);
    }
  }
}

// Rounds to nearest: a group's weight of largest magnitude becomes code 0 (-32), its scale a multiple of the largest
// group's by at most 127.
void quantize(const float* in, std::byte* bytes) {
  float scales[kGroups];
  float largest_scale = 0.0F;
  for (std::size_t g = 0; g < kGroups; ++g) {
    float largest = 0.0F;
    for (std::size_t i = 0; i < kGroup; ++i) {
      const float x = in[kGroup * g + i];
      largest = std::abs(x) > std::abs(largest) ? x : largest;
    }
    scales[g] = largest / -32.0F;
    largest_scale = std::max(largest_scale, std::abs(scales[g]));
  }
  Q6_KBlock block{};
  block.scale = f32_to_f16(largest_scale / 127.0F);
  const float unit = f16_to_f32(block.scale);
  PartCodes codes{};
  for (std::size_t g = 0; g < kGroups; ++g) {
    block.sub_scales[g] = static_cast<std::int8_t>(nearest_code(scales[g] * inverse_or_zero(unit), -127, 127));
    const float inverse = inverse_or_zero(unit * static_cast<float>(block.sub_scales[g]));
    for (std::size_t i = 0; i < kGroup; ++i) {
      codes[kGroup * (g % 2) + i] = static_cast<std::uint8_t>(nearest_code(in[kGroup * g + i] * inverse, -32, 31) + 32);
    }
    if (g % 2 == 1) write_part(codes, g / 2, block);
  }
  store(bytes, block);
}

void pack(const std::byte* bytes, std::size_t row, std::byte* panel_block) {
  const auto block = load<Q6_KBlock>(bytes);
  auto& panel = *reinterpret_cast<Q6_KPanelBlock*>(panel_block);
  panel.scales[row] = block.scale;
  for (std::size_t j = 0; j < kParts; ++j) {
    Q6_KPanelPart& part = panel.parts[j];
    const PartCodes codes = read_part(block, j);
    put_in_chunks(codes, row, part.chunks);
    for (std::size_t h = 0; h < 2; ++h) {
      part.sub_scales[h][row] = block.sub_scales[2 * j + h];
      for (std::size_t i = 0; i < 4; ++i) {
        unsigned byte = 0;
        for (std::size_t k = 0; k < 4; ++k) byte |= static_cast<unsigned>(codes[16 * h + 4 * k + i] >> 4U) << (2 * k);
        part.upper_bits[h][4 * row + i] = static_cast<std::uint8_t>(byte);
      }
    }
  }
}

void unpack(const std::byte* panel_block, std::size_t row, std::byte* bytes) {
  const auto& panel = *reinterpret_cast<const Q6_KPanelBlock*>(panel_block);
  Q6_KBlock block{};
  block.scale = panel.scales[row];
  for (std::size_t j = 0; j < kParts; ++j) {
    const Q6_KPanelPart& part = panel.parts[j];
    PartCodes codes = take_from_chunks(part.chunks, row);
    for (std::size_t i = 0; i < 32; ++i) {
      const unsigned upper = part.upper_bits[i / 16][4 * row + i % 4] >> (2 * (i / 4 % 4)) & 3U;
      codes[i] = static_cast<std::uint8_t>(codes[i] | upper << 4U);
    }
    for (std::size_t h = 0; h < 2; ++h) block.sub_scales[2 * j + h] = part.sub_scales[h][row];
    write_part(codes, j, block);
  }
  store(bytes, block);
}

}  // namespace

const BlockCode kQ6_KCode{dequantize, quantize, pack, unpack};

}  // namespace linnet::kernels
