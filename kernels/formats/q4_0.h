// Q4_0: 32 nibbles with offset 8 and their f16 scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * (nibble i - 8)`; byte j holds nibble j low and nibble j + 16 high. 4.5 bits a weight.
struct Q4_0Block {
  std::uint16_t scale;  // f16
  std::uint8_t nibbles[16];
};
static_assert(sizeof(Q4_0Block) == 18);

// 16 rows x 32 columns: byte `4 r + i` of chunk c holds of row r column `8 c + i` low and `8 c + 4 + i` high.
struct Q4_0PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint8_t chunks[4][4 * kPanelRows];
};
static_assert(sizeof(Q4_0PanelBlock) == 288);

}  // namespace linnet::kernels
