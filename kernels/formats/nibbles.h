// The 32 nibbles of a block in GGUF's order and in a panel's, for the formats of 4 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/block_code.h"

namespace linnet::kernels {

// GGUF: byte j holds column j low and column j + 16 high.
[[nodiscard]] inline int nibble(const std::uint8_t* nibbles, std::size_t column) {
  return column < 16 ? nibbles[column] & 15 : nibbles[column - 16] >> 4;
}

inline constexpr std::uint32_t kLowNibbles = 0x0F0F0F0FU;
inline constexpr std::uint32_t kHighNibbles = 0xF0F0F0F0U;

// Writes a row's 16 bytes into the panel's four chunks, four bytes a chunk. Chunk c takes columns 8 c … 8 c + 7, which
// are the low (c < 2) or high halves of eight neighbouring bytes.
inline void pack_nibbles(const std::byte* nibbles, std::size_t row, std::byte* chunks) {
  for (std::size_t c = 0; c < 4; ++c) {
    const auto first = load<std::uint32_t>(nibbles + 8 * (c % 2));
    const auto second = load<std::uint32_t>(nibbles + 8 * (c % 2) + 4);
    const std::uint32_t packed = c < 2 ? (first & kLowNibbles) | ((second & kLowNibbles) << 4)
                                       : ((first & kHighNibbles) >> 4) | (second & kHighNibbles);
    store(chunks + 64 * c + 4 * row, packed);
  }
}

// The inverse of pack_nibbles.
inline void unpack_nibbles(const std::byte* chunks, std::size_t row, std::byte* nibbles) {
  for (std::size_t half = 0; half < 2; ++half) {
    const auto low = load<std::uint32_t>(chunks + 64 * half + 4 * row);
    const auto high = load<std::uint32_t>(chunks + 64 * (half + 2) + 4 * row);
    store(nibbles + 8 * half, (low & kLowNibbles) | ((high & kLowNibbles) << 4));
    store(nibbles + 8 * half + 4, ((low & kHighNibbles) >> 4) | (high & kHighNibbles));
  }
}

}  // namespace linnet::kernels
