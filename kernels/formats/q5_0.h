// Q5_0: 32 codes of 5 bits with offset 16 and their f16 scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * (code i - 16)`; code i is nibble i (as in Q4_0) and, as its fifth bit, bit i % 8 of
// fifth_bits[i / 8]. 5.5 bits a weight.
struct Q5_0Block {
  std::uint16_t scale;  // f16
  std::uint8_t fifth_bits[4];
  std::uint8_t nibbles[16];
};
static_assert(sizeof(Q5_0Block) == 22);

// 16 rows x 32 columns: chunks as in Q4_0; bit k of byte `4 r + i` of the fifth bits is row r, column `4 k + i`.
struct Q5_0PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint8_t chunks[4][4 * kPanelRows];
  std::uint8_t fifth_bits[4 * kPanelRows];
};
static_assert(sizeof(Q5_0PanelBlock) == 352);

}  // namespace linnet::kernels
