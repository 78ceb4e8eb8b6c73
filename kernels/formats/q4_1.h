// Q4_1: 32 nibbles with an f16 scale and an f16 minimum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * nibble i + minimum`; nibbles lie as in Q4_0. 5 bits a weight.
struct Q4_1Block {
  std::uint16_t scale;    // f16
  std::uint16_t minimum;  // f16
  std::uint8_t nibbles[16];
};
static_assert(sizeof(Q4_1Block) == 20);

// 16 rows x 32 columns; chunks as in Q4_0.
struct Q4_1PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint16_t minima[kPanelRows];  // f16
  std::uint8_t chunks[4][4 * kPanelRows];
};
static_assert(sizeof(Q4_1PanelBlock) == 320);

}  // namespace linnet::kernels
