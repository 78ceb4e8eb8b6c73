// IQ4_NL: 32 nibbles that index a code book of 16 values, and their f16 scale.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace linnet::kernels {

// Denser near zero, as weights are. Source: kvalues of IQ4_NL in the `gguf` Python package. Not inline: files of one
// instruction set may not export it.
constexpr std::int8_t kIQ4_NLValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Weight i is `scale * kIQ4_NLValues[nibble i]`; nibbles lie as in Q4_0. 4.5 bits a weight.
struct IQ4_NLBlock {
  std::uint16_t scale;  // f16
  std::uint8_t nibbles[16];
};
static_assert(sizeof(IQ4_NLBlock) == 18);

// 16 rows x 32 columns; chunks as in Q4_0.
struct IQ4_NLPanelBlock {
  std::uint16_t scales[kPanelRows];  // f16
  std::uint8_t chunks[4][4 * kPanelRows];
};
static_assert(sizeof(IQ4_NLPanelBlock) == 288);

}  // namespace linnet::kernels
