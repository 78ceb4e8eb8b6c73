// Q5_1: 32 codes of 5 bits with an f16 scale and an f16 minimum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * code i + minimum`; codes lie as in Q5_0. 6 bits a weight.
struct Q5_1Block {
  std::uint16_t scale;    // f16
  std::uint16_t minimum;  // f16
  std::uint8_t fifth_bits[4];
  std::uint8_t nibbles[16];
};
static_assert(sizeof(Q5_1Block) == 24);

// 16 rows x 32 columns; chunks as in Q4_0, fifth bits as in Q5_0.
struct Q5_1PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint16_t minima[kPanelRows];  // f16
  std::uint8_t chunks[4][4 * kPanelRows];
  std::uint8_t fifth_bits[4 * kPanelRows];
};
static_assert(sizeof(Q5_1PanelBlock) == 384);

}  // namespace linnet::kernels
