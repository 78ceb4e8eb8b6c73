#include "models/quantize/error_feedback.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tests/source_tree.h"

namespace linnet::quantize {
namespace {

using kernels::Format;

// The layer of tests/data/quantize/make_feedback.py, which says the same in Python.
constexpr std::size_t kRows = 6;
constexpr std::size_t kColumns = 96;
constexpr std::size_t kSamples = 256;
constexpr std::size_t kBlock = 32;

std::vector<float> integers(std::size_t count, std::uint32_t state) {
  std::vector<float> numbers(count);
  for (float& number : numbers) {
    state = state * 1664525U + 1013904223U;
    number = static_cast<float>(static_cast<int>(state >> 24U) - 128);
  }
  return numbers;
}

std::vector<float> layer_weights() {
  auto weights = integers(kRows * kColumns, 1);
  for (float& weight : weights) weight /= 1024.0F;
  return weights;
}

Gram layer_gram() {
  const auto raw = integers(kSamples * kColumns, 2);
  std::vector<float> inputs(raw.size());
  for (std::size_t s = 0; s < kSamples; ++s) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      const auto at = [&](std::size_t back) { return raw[s * kColumns + (i + kColumns - back) % kColumns]; };
      inputs[s * kColumns + i] = (at(0) + at(1) + at(2)) * static_cast<float>(1 + i * 7 % 5) / 256.0F;
    }
  }
  Gram gram(kColumns);
  gram.add({inputs.data(), kSamples, kColumns});
  gram.finish();
  return gram;
}

class ErrorFeedback : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::byte> quantised(const std::vector<float>& weights, Format format) const {
    std::vector<std::byte> rows(weights.size() / kColumns * kernels::row_bytes(format, kColumns));
    quantize_with_feedback(*plan_, *symmetric_format(format), {weights.data(), weights.size() / kColumns, kColumns},
                           rows.data());
    return rows;
  }

  // trace(E G E^T)
  [[nodiscard]] double output_error(const std::vector<float>& weights, Format format,
                                    const std::vector<std::byte>& rows) const {
    std::vector<float> error(weights.size());
    for (std::size_t r = 0; r < weights.size() / kColumns; ++r) {
      kernels::dequantize_row(format, rows.data() + r * kernels::row_bytes(format, kColumns), kColumns,
                              &error[r * kColumns]);
    }
    for (std::size_t i = 0; i < error.size(); ++i) error[i] -= weights[i];
    return gram_.energy_of({error.data(), error.size() / kColumns, kColumns});
  }

  Gram gram_ = layer_gram();
  std::optional<FeedbackPlan> plan_ = FeedbackPlan::make(gram_, kBlock);
  std::vector<float> weights_ = layer_weights();
};

// Scales and codes of a Q4_0 row.
struct Coded {
  std::vector<double> scales;
  std::vector<int> codes;
};

Coded decode(const std::byte* row) {
  std::vector<float> values(kColumns);
  kernels::dequantize_row(Format::kQ4_0, row, kColumns, values.data());
  Coded coded;
  for (std::size_t b = 0; b < kColumns / kBlock; ++b) {
    const std::byte* const block = row + b * kernels::info(Format::kQ4_0).block_bytes;
    const auto at = [&](std::size_t i) {
      const int byte = std::to_integer<int>(block[2 + i % 16]);
      return (i < 16 ? byte & 15 : byte >> 4) - 8;
    };
    std::size_t used = 0;
    while (used < kBlock && at(used) == 0) ++used;
    const double scale = used < kBlock ? double{values[b * kBlock + used]} / at(used) : 0.0;
    coded.scales.push_back(scale);
    for (std::size_t i = 0; i < kBlock; ++i) coded.codes.push_back(at(i));
  }
  return coded;
}

std::vector<Coded> recorded() {
  std::ifstream file(linnet::test::source_tree() / "tests/data/quantize/feedback.txt");
  std::vector<Coded> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "scales") {
      rows.emplace_back();
      for (double scale = 0; words >> scale;) rows.back().scales.push_back(scale);
    } else {
      for (int code = 0; words >> code;) rows.back().codes.push_back(code);
    }
  }
  return rows;
}

TEST_F(ErrorFeedback, AgreesWithTheReference) {
  const auto bytes = quantised(weights_, Format::kQ4_0);
  const bool print = std::getenv("LINNET_PRINT_GOLDENS") != nullptr;
  const auto expected = recorded();
  if (!print) {
    ASSERT_EQ(expected.size(), kRows);
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const auto coded = decode(bytes.data() + r * kernels::row_bytes(Format::kQ4_0, kColumns));
    if (print) {
      std::printf("scales");
      for (const double scale : coded.scales) std::printf(" %.17g", scale);
      std::printf("\n");
      continue;
    }
    EXPECT_EQ(coded.scales, expected[r].scales);
    EXPECT_EQ(coded.codes, expected[r].codes);
  }
}

// The point of it. (Errors spread with the wrong sign fail against the reference above.)
TEST_F(ErrorFeedback, BeatsRoundingToNearestAtTheOutput) {
  for (const auto format : {Format::kQ4_0, Format::kQ8_0, Format::kQ5_0, Format::kIQ4_NL}) {
    std::vector<std::byte> nearest(kRows * kernels::row_bytes(format, kColumns));
    for (std::size_t r = 0; r < kRows; ++r) {
      quantize_row(*symmetric_format(format), std::span(weights_).subspan(r * kColumns, kColumns), gram_.diagonal(),
                   nearest.data() + r * kernels::row_bytes(format, kColumns));
    }
    const double with = output_error(weights_, format, quantised(weights_, format));
    EXPECT_LT(with, 0.65 * output_error(weights_, format, nearest));
    EXPECT_GT(with, 0.0);
  }
}

TEST_F(ErrorFeedback, RowsDoNotKnowEachOther) {
  const auto together = quantised(weights_, Format::kQ4_0);
  const std::vector<float> alone(weights_.begin() + 2 * kColumns, weights_.begin() + 3 * kColumns);
  const auto row = quantised(alone, Format::kQ4_0);
  EXPECT_TRUE(std::ranges::equal(row, std::span(together).subspan(2 * row.size(), row.size())));
}

TEST_F(ErrorFeedback, ZerosStay) {
  for (std::size_t i = 0; i < weights_.size(); i += 3) weights_[i] = 0.0F;
  const auto bytes = quantised(weights_, Format::kQ4_0);
  for (std::size_t r = 0; r < kRows; ++r) {
    const auto coded = decode(bytes.data() + r * kernels::row_bytes(Format::kQ4_0, kColumns));
    for (std::size_t i = 0; i < kColumns; ++i) {
      EXPECT_TRUE((r * kColumns + i) % 3 != 0 || coded.codes[i] == 0);
    }
  }
}

// U^T U is the inverse of the damped matrix, in the plan's order.
TEST_F(ErrorFeedback, FactorIsTheInversesRoot) {
  double mean = 0;
  for (std::size_t i = 0; i < kColumns; ++i) mean += double{gram_.diagonal(i)} / kColumns;
  for (std::size_t i = 0; i < kColumns; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) {
      double sum = 0;  // (U^T U H)[i, j]
      for (std::size_t k = 0; k < kColumns; ++k) {
        double inverse = 0;
        for (std::size_t p = 0; p <= std::min(i, k); ++p)
          inverse += double{plan_->factor(p, i)} * double{plan_->factor(p, k)};
        const double damping = k == j ? double{FeedbackPlan::kDamping} * mean : 0.0;
        sum += inverse * (double{gram_.sums()[plan_->order()[k] * kColumns + plan_->order()[j]]} + damping);
      }
      ASSERT_NEAR(sum, i == j ? 1.0 : 0.0, 2e-3) << i << ' ' << j;
    }
  }
}

TEST(FeedbackPlan, ServesInputsThatSayLittle) {
  EXPECT_TRUE(FeedbackPlan::make(Gram(kColumns), kBlock));  // Never shown anything.
  Gram one(kColumns);
  const std::vector<float> same(kColumns, 1.0F);
  one.add({same.data(), 1, kColumns});
  one.finish();
  EXPECT_TRUE(FeedbackPlan::make(one, kBlock));  // Rank 1.
  Gram broken(kColumns);
  const std::vector<float> infinite(kColumns, std::numeric_limits<float>::infinity());
  broken.add({infinite.data(), 1, kColumns});
  broken.finish();
  EXPECT_FALSE(FeedbackPlan::make(broken, kBlock));
}

}  // namespace
}  // namespace linnet::quantize
