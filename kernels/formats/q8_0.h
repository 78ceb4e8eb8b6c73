// Q8_0: 32 signed bytes and their f16 scale; Q8_128: 128 of them, Linnet's own, which GGUF does not have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Weight i is `scale * values[i]`. 8.5 and 8.125 bits a weight.
template <std::size_t kWeights>
struct Q8Block {
  std::uint16_t scale;  // f16
  std::int8_t values[kWeights];
};
using Q8_0Block = Q8Block<32>;
using Q8_128Block = Q8Block<128>;
static_assert(sizeof(Q8_0Block) == 34);
static_assert(sizeof(Q8_128Block) == 130);

// 16 rows x kWeights columns: byte `4 r + i` of chunk c is row r, column `4 c + i`.
template <std::size_t kWeights>
struct Q8PanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::int8_t chunks[kWeights / 4][4 * kPanelRows];
};
using Q8_0PanelBlock = Q8PanelBlock<32>;
using Q8_128PanelBlock = Q8PanelBlock<128>;
static_assert(sizeof(Q8_0PanelBlock) == 544);
static_assert(sizeof(Q8_128PanelBlock) == 2080);

}  // namespace linnet::kernels
