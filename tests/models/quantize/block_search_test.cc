#include "models/quantize/block_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "kernels/formats/half.h"

namespace linnet::quantize {
namespace {

using kernels::Format;

using Block = std::vector<float>;

float nearest(const SymmetricFormat& format, double x) {
  const auto value = static_cast<float>(x);
  return format.code_book ? NearestOfBook{}(value) : NearestInteger{format.low, format.high}(value);
}

// Halfway between neighbouring codes.
std::vector<double> middles(const SymmetricFormat& format) {
  std::vector<double> found;
  if (!format.code_book) {
    for (double code = double{format.low} + 0.5; code < double{format.high}; code += 1) found.push_back(code);
  } else {
    for (std::size_t i = 1; i < std::size(kernels::kIQ4_NLValues); ++i) {
      found.push_back((kernels::kIQ4_NLValues[i - 1] + kernels::kIQ4_NLValues[i]) / 2.0);
    }
  }
  return found;
}

// Most of the block's energy that codes for a scale of this sign explain.
double most_explained(const SymmetricFormat& format, const Block& weights, const Block& importance, double sign) {
  std::vector<double> turns;  // Of 1 / scale.
  for (const float weight : weights) {
    for (const double middle : middles(format)) {
      const double turn = middle / (sign * double{weight});
      if (std::isfinite(turn) && turn > 0) turns.push_back(turn);
    }
  }
  std::ranges::sort(turns);
  double best = 0;
  for (std::size_t t = 0; t + 1 < turns.size(); ++t) {
    const double inverse = sign * (turns[t] + turns[t + 1]) / 2;
    double product = 0;
    double square = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto code = double{nearest(format, weights[i] * inverse)};
      product += double{importance[i]} * code * double{weights[i]};
      square += double{importance[i]} * code * code;
    }
    if (square > 0) best = std::max(best, product * product / square);
  }
  return best;
}

// Least error over all real scales, in double: codes change only where a weight is halfway between two, so between two
// neighbouring such scales the codes are fixed and their least-squares scale is the best.
double exact_least_error(const SymmetricFormat& format, const Block& weights, const Block& importance) {
  double energy = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    energy += double{importance[i]} * double{weights[i]} * double{weights[i]};
  return energy -
         std::max(most_explained(format, weights, importance, 1.0), most_explained(format, weights, importance, -1.0));
}

double error_of(Format format, const Block& weights, const Block& importance, const std::byte* row) {
  Block after(weights.size());
  kernels::dequantize_row(format, row, after.size(), after.data());
  double error = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const double difference = double{weights[i]} - double{after[i]};
    error += double{importance[i]} * difference * difference;
  }
  return error;
}

using Source = std::function<float(std::mt19937&)>;

std::vector<Source> sources() {
  return {[](std::mt19937& random) { return std::normal_distribution<float>(0.0F, 0.02F)(random); },
          [](std::mt19937& random) { return std::uniform_real_distribution<float>(-3.0F, 3.0F)(random); },
          [](std::mt19937& random) {
            const float size = std::exponential_distribution<float>(50.0F)(random);
            return (random() & 1U) != 0 ? size : -size;
          },
          [](std::mt19937& random) { return std::abs(std::normal_distribution<float>(1.0F, 0.1F)(random)); }};
}

class BlockSearch : public testing::TestWithParam<Format> {
 protected:
  // Of the exact least error.
  [[nodiscard]] static double allowed() {
    switch (GetParam()) {
      case Format::kQ8_0:
      case Format::kQ8_128: return 1.04;
      case Format::kQ5_0:
      case Format::kIQ4_NL: return 1.02;
      default: return 1.01;
    }
  }
  [[nodiscard]] Block ones() const { return Block(size_, 1.0F); }

  const SymmetricFormat format_ = *symmetric_format(GetParam());
  // The optimum of 128 weights of 8 bits takes a tenth of a second.
  const int trials_ = GetParam() == Format::kQ8_128 ? 10 : 100;
  const std::size_t size_ = kernels::info(GetParam()).block_weights;
  std::vector<std::byte> row_ = std::vector<std::byte>(kernels::row_bytes(GetParam(), size_));
};

TEST_P(BlockSearch, IsNearTheExactOptimumAndNeverWorseThanPlainRounding) {
  std::mt19937 random(3);
  for (const auto& source : sources()) {
    double searched = 0;
    double plain = 0;
    double exact = 0;
    for (int trial = 0; trial < trials_; ++trial) {
      Block weights(size_);
      std::ranges::generate(weights, [&] { return source(random); });
      quantize_row(format_, weights, {}, row_.data());
      const double error = error_of(GetParam(), weights, ones(), row_.data());
      kernels::quantize_row(GetParam(), weights.data(), size_, row_.data());
      const double plain_error = error_of(GetParam(), weights, ones(), row_.data());
      EXPECT_LE(error, plain_error * (1 + 1e-5));
      searched += error;
      plain += plain_error;
      exact += exact_least_error(format_, weights, ones());
    }
    EXPECT_LT(searched, plain * 0.97);
    EXPECT_LE(searched, exact * allowed());
    // The optimum is over real scales, and a scale is an f16: at most a little below it.
    EXPECT_GE(searched, exact * (1 - 1e-4));
  }
}

TEST_P(BlockSearch, HeedsImportance) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal(0.0F, 1.0F);
  double aware = 0;
  double unaware = 0;
  double exact = 0;
  for (int trial = 0; trial < trials_; ++trial) {
    Block weights(size_);
    Block importance(size_);
    std::ranges::generate(weights, [&] { return normal(random); });
    std::ranges::generate(importance, [&] { return std::exp(2.0F * normal(random)); });
    quantize_row(format_, weights, importance, row_.data());
    aware += error_of(GetParam(), weights, importance, row_.data());
    quantize_row(format_, weights, {}, row_.data());
    unaware += error_of(GetParam(), weights, importance, row_.data());
    exact += exact_least_error(format_, weights, importance);
  }
  EXPECT_LT(aware, unaware * 0.95);
  EXPECT_LE(aware, exact * allowed());
}

TEST_P(BlockSearch, ServesBlocksAtTheEdges) {
  // Without a code for zero, 31 zeros become the code 1 beside -127.
  const double allowed_share = format_.code_book ? std::sqrt(31.0) / 127 * 1.001 : 1e-3;
  for (const float value : {0.0F, -0.0F, 1e-30F, 1e-7F, 1.0F, -60000.0F}) {
    Block weights(size_);
    weights[5] = value;
    quantize_row(format_, weights, {}, row_.data());
    const double error = error_of(GetParam(), weights, ones(), row_.data());
    EXPECT_LE(std::sqrt(error), std::abs(value) * (std::abs(value) > 1e-3F ? allowed_share : 1.0)) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, BlockSearch,
                         testing::Values(Format::kQ8_0, Format::kQ4_0, Format::kQ5_0, Format::kIQ4_NL, Format::kQ4_64,
                                         Format::kQ4_128, Format::kQ8_128),
                         [](const auto& format) { return std::string(kernels::info(format.param).name); });

TEST(BlockSearchFormats, FloatsHaveNoCodes) { EXPECT_FALSE(symmetric_format(Format::kF16)); }

}  // namespace
}  // namespace linnet::quantize
