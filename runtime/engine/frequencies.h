// How fast each pair of a rotation turns: its frequencies, stretched as the model's file says.
#pragma once

#include <span>

#include "models/program.h"

namespace linnet::engine {

// frequencies[i] of pair i in radians a position: base^(-2 i / dimensions), divided by `factors` [pairs] where there
// are some (Llama 3), or stretched:
//   linear (Chen et al. 2023): divided by the factor;
//   YaRN (Peng et al. 2023, as transformers' modeling_rope_utils.py computes it): pairs that turn more than
//   `fast_turns` times in the original context stay, those that turn less than `slow_turns` are divided by the factor,
//   and between the two, by number of pair, the mix is linear.
void fill_frequencies(const models::Rotation& rotation, std::span<const float> factors, std::span<double> frequencies);

}  // namespace linnet::engine
