// Q4_K: 256 nibbles in eight parts, each with 6-bit multiples of the block's f16 scale and f16 minimum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i of part j is `scale * sub_scale j * nibble - minimum * sub_minimum j` (super_block.h). 4.5 bits a weight.
struct Q4_KBlock {
  std::uint16_t scale;    // f16
  std::uint16_t minimum;  // f16
  std::uint8_t sub_scales[12];
  std::uint8_t nibbles[128];
};
static_assert(sizeof(Q4_KBlock) == 144);

// 32 columns of 16 rows; chunks as in Q4_0.
struct Q4_KPanelPart {
  std::uint8_t sub_scales[kPanelRows];
  std::uint8_t sub_minima[kPanelRows];
  std::uint8_t chunks[4][4 * kPanelRows];
};

// 16 rows x 256 columns. Scales have a byte each: 4.625 bits a weight.
struct Q4_KPanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint16_t minima[kPanelRows];  // f16
  Q4_KPanelPart parts[8];
};
static_assert(sizeof(Q4_KPanelBlock) == 2368);

}  // namespace linnet::kernels
