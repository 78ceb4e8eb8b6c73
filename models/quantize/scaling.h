// Chooses factors for the columns of a layer's weights that make important columns count in a block's scale, and where
// they are taken back (AWQ, Lin et al. 2023).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/quantize/block_search.h"

namespace linnet::quantize {

// What a tensor is multiplied by before it is written: empty where nothing changes. A vector has columns alone.
struct Factors {
  std::vector<float> columns;
  std::vector<float> rows;
};

// By tensor name; tensors that stay as they are have no entry.
using FactorsByName = std::unordered_map<std::string, Factors>;

// Sample rows of one matrix that reads the input, row-major, and the format it will take.
struct ScalingSample {
  SymmetricFormat format;
  std::vector<float> rows;  // [any, width]
};

// Factors [width] of the form rms(input)^alpha, alpha = 0, 0.1 … 1, over their geometric mean: those whose rounding of
// the samples costs least at the output, each column counting by its mean square. `moments` [width] are the diagonal of
// the Gram matrix. Empty where alpha = 0 (no factors) is best.
[[nodiscard]] std::vector<float> search_factors(std::span<const ScalingSample> samples, std::span<const float> moments);

}  // namespace linnet::quantize
