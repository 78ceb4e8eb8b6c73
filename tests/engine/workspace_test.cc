#include "runtime/engine/workspace.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet::engine {
namespace {

using kernels::Format;

// The rounding of an input that matrices of these formats share, of which the program wants two terms.
InputRounding rounding(const std::vector<Format>& formats) {
  Weights weights;
  std::vector<models::Projection> projections;
  for (const Format format : formats) {
    projections.push_back({.weight = static_cast<models::WeightId>(weights.views.size()), .bias = {}, .out = {}});
    weights.views.emplace_back().format = format;
  }
  return input_rounding(projections, 2, weights);
}

TEST(InputRounding, IsWhatTheLargestGroupOfWeightsWants) {
  EXPECT_EQ(rounding({Format::kF16, Format::kF32}).joined, 0U);
  EXPECT_EQ(rounding({Format::kQ4_0, Format::kF16, Format::kQ4_K}).joined, 1U);
  EXPECT_EQ(rounding({Format::kQ4_64, Format::kQ8_0}).joined, 2U);
  EXPECT_EQ(rounding({Format::kQ4_64, Format::kQ8_128}).joined, 4U);
  EXPECT_EQ(rounding({Format::kQ4_128}).joined, 4U);
}

TEST(InputRounding, HasTheProgramsTermsWhereNoMatrixJoinsBlocks) {
  EXPECT_EQ(rounding({Format::kQ4_0, Format::kQ6_K}).terms, 2U);
  EXPECT_EQ(rounding({Format::kQ4_0, Format::kQ4_64}).terms, 1U);
  EXPECT_EQ(rounding({Format::kQ8_128}).terms, 1U);
}

}  // namespace
}  // namespace linnet::engine
