// Q6_K: 256 codes of 6 bits with offset 32; every 16 share a signed 8-bit multiple of the block's f16 scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * sub_scales[i / 16] * (code i - 32)`. With h = i / 128, p = i / 32 % 4 and j = i % 32, the code's
// low nibble is the low (p < 2) or high half of nibbles[64 h + 32 (p % 2) + j], its upper two bits are bits 2 p and 2 p
// + 1 of upper_bits[32 h + j]. 6.5625 bits a weight.
struct Q6_KBlock {
  std::uint8_t nibbles[128];
  std::uint8_t upper_bits[64];
  std::int8_t sub_scales[16];
  std::uint16_t scale;  // f16
};
static_assert(sizeof(Q6_KBlock) == 210);

// Puts code i (0 … 255) of a block at its place; the place was zero.
inline void put_code(int code, std::size_t i, Q6_KBlock& block) {
  const std::size_t pair = i / 32 % 4;
  std::uint8_t& nibble = block.nibbles[64 * (i / 128) + 32 * (pair % 2) + i % 32];
  nibble |= static_cast<std::uint8_t>((code & 15) << (pair < 2 ? 0 : 4));
  block.upper_bits[32 * (i / 128) + i % 32] |= static_cast<std::uint8_t>((code >> 4) << (2 * pair));
}

// 32 columns of 16 rows. Chunks as in Q4_0; bits 2 k and 2 k + 1 of byte `4 r + i` of upper_bits[h] are the upper bits
// of row r, column `16 h + 4 k + i`.
struct Q6_KPanelPart {
  std::int8_t sub_scales[2][kPanelRows];  // Of columns 0 … 15 and 16 … 31.
  std::uint8_t chunks[4][4 * kPanelRows];
  std::uint8_t upper_bits[2][4 * kPanelRows];
};

// 16 rows x 256 columns.
struct Q6_KPanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  Q6_KPanelPart parts[8];
};
static_assert(sizeof(Q6_KPanelBlock) == 3360);

}  // namespace linnet::kernels
