// Q8_0: 32 signed bytes and their f16 scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * values[i]`. 8.5 bits a weight.
struct Q8_0Block {
  std::uint16_t scale;  // f16
  std::int8_t values[32];
};
static_assert(sizeof(Q8_0Block) == 34);

// 16 rows x 32 columns: byte `4 r + i` of chunk c is row r, column `4 c + i`.
struct Q8_0PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::int8_t chunks[8][4 * kPanelRows];
};
static_assert(sizeof(Q8_0PanelBlock) == 544);

}  // namespace linnet::kernels
