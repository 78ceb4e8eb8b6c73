// The fifth bits of a block's 32 codes in a panel, for the formats of 5 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/block_code.h"

namespace linnet::kernels {

inline constexpr std::size_t kFifthBitBytes = 64;  // Of 16 rows x 32 columns.

// Puts code i (0..31) of a block at its place in GGUF's order; the bytes were zero.
inline void put_code(int code, std::size_t i, std::uint8_t* fifth_bits, std::uint8_t* nibbles) {
  nibbles[i % 16] |= static_cast<std::uint8_t>((code & 15) << (i < 16 ? 0 : 4));
  fifth_bits[i / 8] |= static_cast<std::uint8_t>((code >> 4) << (i % 8));
}

// Bit i of `bits` is the fifth bit of column i. In the panel, bit k of byte `4 row + i` is column `4 k + i`: one vector
// of 64 bytes serves all eight registers of four columns, each by a shift of its own.
inline void pack_fifth_bits(std::uint32_t bits, std::size_t row, std::byte* panel) {
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint32_t byte = 0;
    for (std::size_t k = 0; k < 8; ++k) byte |= ((bits >> (4 * k + i)) & 1U) << k;
    panel[4 * row + i] = static_cast<std::byte>(byte);
  }
}

// The inverse of pack_fifth_bits.
[[nodiscard]] inline std::uint32_t unpack_fifth_bits(const std::byte* panel, std::size_t row) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = std::to_integer<std::uint32_t>(panel[4 * row + i]);
    for (std::size_t k = 0; k < 8; ++k) bits |= ((byte >> k) & 1U) << (4 * k + i);
  }
  return bits;
}

}  // namespace linnet::kernels
