// Q5_K: as Q4_K with codes of 5 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// As Q4_K; the fifth bit of code i of part j is bit j of fifth_bits[i]. 5.5 bits a weight.
struct Q5_KBlock {
  std::uint16_t scale;    // f16
  std::uint16_t minimum;  // f16
  std::uint8_t sub_scales[12];
  std::uint8_t fifth_bits[32];
  std::uint8_t nibbles[128];
};
static_assert(sizeof(Q5_KBlock) == 176);

// 32 columns of 16 rows; chunks as in Q4_0, fifth bits as in Q5_0.
struct Q5_KPanelPart {
  std::uint8_t sub_scales[kPanelRows];
  std::uint8_t sub_minima[kPanelRows];
  std::uint8_t chunks[4][4 * kPanelRows];
  std::uint8_t fifth_bits[4 * kPanelRows];
};

// 16 rows x 256 columns; 5.625 bits a weight.
struct Q5_KPanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint16_t minima[kPanelRows];  // f16
  Q5_KPanelPart parts[8];
};
static_assert(sizeof(Q5_KPanelBlock) == 2880);

}  // namespace linnet::kernels
