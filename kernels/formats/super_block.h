// What the formats of super-blocks share: 256 weights of a row in eight parts of 32 (ggml's K-quants).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/formats/block_code.h"
#include "kernels/formats/format.h"
#include "kernels/formats/rounding.h"

namespace linnet::kernels {

inline constexpr std::size_t kSuperBlock = 256;  // Weights.
inline constexpr std::size_t kParts = 8;         // Of 32 weights, each with a sub-scale and a sub-minimum.
inline constexpr std::size_t kPackedScaleBytes = 12;
inline constexpr int kLargestSubScale = 63;

using PartCodes = std::array<std::uint8_t, 32>;

// The sub-scales and sub-minima of Q4_K and Q5_K, 6 bits each. Bytes 0 … 3 hold scales 0 … 3 and bytes 4 … 7 minima 0 …
// 3; byte 8 + j holds the low nibbles of scale and minimum 4 + j, whose upper bits are those of bytes j and 4 + j.
struct SubScales {
  std::array<std::uint8_t, kParts> scales{};
  std::array<std::uint8_t, kParts> minima{};

  [[nodiscard]] static SubScales read(const std::uint8_t* packed) {
    SubScales sub;
    for (std::size_t j = 0; j < 4; ++j) {
      sub.scales[j] = packed[j] & 63U;
      sub.minima[j] = packed[4 + j] & 63U;
      sub.scales[4 + j] = static_cast<std::uint8_t>((packed[8 + j] & 15) | (packed[j] >> 6 << 4));
      sub.minima[4 + j] = static_cast<std::uint8_t>((packed[8 + j] >> 4) | (packed[4 + j] >> 6 << 4));
    }
    return sub;
  }

  void write(std::uint8_t* packed) const {
    for (std::size_t j = 0; j < 4; ++j) {
      packed[j] = static_cast<std::uint8_t>(scales[j] | (scales[4 + j] >> 4 << 6));
      packed[4 + j] = static_cast<std::uint8_t>(minima[j] | (minima[4 + j] >> 4 << 6));
      packed[8 + j] = static_cast<std::uint8_t>((scales[4 + j] & 15) | (minima[4 + j] & 15) << 4);
    }
  }
};

// The nibbles of part j (0..7) of Q4_K and Q5_K: bytes 32 (j / 2) … + 31, low in even parts, high in odd ones.
[[nodiscard]] inline PartCodes part_nibbles(const std::uint8_t* nibbles, std::size_t part) {
  PartCodes codes;
  for (std::size_t i = 0; i < 32; ++i) codes[i] = (nibbles[32 * (part / 2) + i] >> (4 * (part % 2))) & 15U;
  return codes;
}

// Adds the low four bits of a part's codes at their place; the place was zero.
inline void put_part_nibbles(const PartCodes& codes, std::size_t part, std::uint8_t* nibbles) {
  for (std::size_t i = 0; i < 32; ++i) {
    nibbles[32 * (part / 2) + i] |= static_cast<std::uint8_t>((codes[i] & 15U) << (4 * (part % 2)));
  }
}

// A row's 32 low nibbles to and from a panel's chunks (as Q4_0's: columns 8 c + i low, 8 c + 4 + i high). Reading
// leaves the upper bits zero.
inline void put_in_chunks(const PartCodes& codes, std::size_t row, std::uint8_t (*chunks)[4 * kPanelRows]) {
  for (std::size_t c = 0; c < 4; ++c) {
    for (std::size_t i = 0; i < 4; ++i) {
      chunks[c][4 * row + i] = static_cast<std::uint8_t>((codes[8 * c + i] & 15U) | (codes[8 * c + 4 + i] & 15U) << 4U);
    }
  }
}
[[nodiscard]] inline PartCodes take_from_chunks(const std::uint8_t (*chunks)[4 * kPanelRows], std::size_t row) {
  PartCodes codes;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned byte = chunks[i / 8][4 * row + i % 4];
    codes[i] = static_cast<std::uint8_t>(i % 8 < 4 ? byte & 15U : byte >> 4U);
  }
  return codes;
}

// A super-block with minima, as numbers: weight i of part j is `scale * sub.scales[j] * codes[j][i] - minimum *
// sub.minima[j]`.
struct WithMinima {
  std::uint16_t scale = 0;    // f16
  std::uint16_t minimum = 0;  // f16
  SubScales sub;
  std::array<PartCodes, kParts> codes{};
};

inline void dequantize_part(const WithMinima& block, std::size_t part, float* out) {
  const float scale = f16_to_f32(block.scale) * static_cast<float>(block.sub.scales[part]);
  const float minimum = f16_to_f32(block.minimum) * static_cast<float>(block.sub.minima[part]);
  for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(block.codes[part][i]) - minimum;
}

// Rounds to nearest: each part from its least weight (at most 0) to its largest in `levels` steps, the two scales
// rounded to 6 bits of the block's largest. A plain rounding, where published files search for the scales.
[[nodiscard]] inline WithMinima quantize_with_minima(const float* in, int levels) {
  std::array<float, kParts> scales{};
  std::array<float, kParts> minima{};
  for (std::size_t j = 0; j < kParts; ++j) {
    const auto [least, largest] = std::minmax_element(in + 32 * j, in + 32 * j + 32);
    minima[j] = std::max(0.0F, -*least);
    scales[j] = std::max(0.0F, (*largest + minima[j]) / static_cast<float>(levels));
  }
  WithMinima block;
  block.scale = f32_to_f16(*std::max_element(scales.begin(), scales.end()) / static_cast<float>(kLargestSubScale));
  block.minimum = f32_to_f16(*std::max_element(minima.begin(), minima.end()) / static_cast<float>(kLargestSubScale));
  const float scale = f16_to_f32(block.scale);
  const float minimum = f16_to_f32(block.minimum);
  for (std::size_t j = 0; j < kParts; ++j) {
    const auto sub = [](float x, float unit) {
      return static_cast<std::uint8_t>(nearest_code(x * inverse_or_zero(unit), 0, kLargestSubScale));
    };
    block.sub.scales[j] = sub(scales[j], scale);
    block.sub.minima[j] = sub(minima[j], minimum);
    const float inverse = inverse_or_zero(scale * static_cast<float>(block.sub.scales[j]));
    const float least = minimum * static_cast<float>(block.sub.minima[j]);
    for (std::size_t i = 0; i < 32; ++i) {
      block.codes[j][i] = static_cast<std::uint8_t>(nearest_code((in[32 * j + i] + least) * inverse, 0, levels));
    }
  }
  return block;
}

}  // namespace linnet::kernels
