// Q4_64 and Q4_128: 64 or 128 nibbles with offset 8 under one f16 scale. Linnet's own: GGUF has no such types.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * (nibble i - 8)`; each 32 weights (a part) lie as in Q4_0. 4.25 and 4.125 bits a weight.
template <std::size_t kWeights>
struct Q4GroupBlock {
  static constexpr std::size_t kParts = kWeights / 32;
  std::uint16_t scale;  // f16
  std::uint8_t nibbles[kParts][16];
};
using Q4_64Block = Q4GroupBlock<64>;
using Q4_128Block = Q4GroupBlock<128>;
static_assert(sizeof(Q4_64Block) == 34);
static_assert(sizeof(Q4_128Block) == 66);

// 16 rows x kWeights columns; chunks of each part as in Q4_0.
template <std::size_t kWeights>
struct Q4GroupPanelBlock {
  struct Part {
    std::uint8_t chunks[4][4 * kPanelRows];
  };
  std::uint16_t scales[kPanelRows];  // f16
  Part parts[kWeights / 32];
};
using Q4_64PanelBlock = Q4GroupPanelBlock<64>;
using Q4_128PanelBlock = Q4GroupPanelBlock<128>;
static_assert(sizeof(Q4_64PanelBlock) == 544);
static_assert(sizeof(Q4_128PanelBlock) == 1056);

}  // namespace linnet::kernels
