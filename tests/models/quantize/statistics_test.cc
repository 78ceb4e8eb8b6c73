// Gram matrices, folds, factors and the budget: the small parts around the quantiser.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "models/pack/packed_view.h"
#include "models/quantize/budget.h"
#include "models/quantize/gram.h"
#include "models/quantize/input_statistics.h"
#include "models/quantize/linear_inputs.h"
#include "models/quantize/scaling.h"
#include "models/registry.h"
#include "tests/models/edited_model.h"

namespace linnet::quantize {
namespace {

std::vector<float> normals(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  std::ranges::generate(numbers, [&] { return normal(random); });
  return numbers;
}

TEST(Gram, IsTheSumOfOuterProducts) {
  constexpr std::size_t kWidth = 5;
  constexpr std::size_t kStride = 7;
  const auto numbers = normals(9 * kStride, 1);
  Gram gram(kWidth);
  gram.add({numbers.data(), 4, kWidth, kStride});
  gram.add({numbers.data() + 4 * kStride, 5, kWidth, kStride});
  gram.add({numbers.data(), 0, kWidth, kStride});
  gram.finish();
  EXPECT_EQ(gram.rows(), 9U);
  const std::vector<float> factors = {1, 2, 4, 8, 16};
  Gram divided = gram;
  divided.divide(factors);
  double energy = 0;  // Of the weights 1, 2, 3, 4, 5.
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) {
      double sum = 0;
      for (std::size_t r = 0; r < 9; ++r) sum += double{numbers[r * kStride + i]} * double{numbers[r * kStride + j]};
      EXPECT_NEAR(gram.sums()[i * kWidth + j], sum, 1e-5);
      EXPECT_NEAR(divided.sums()[i * kWidth + j], sum / (factors[i] * factors[j]), 1e-5);
      energy += sum * static_cast<double>((i + 1) * (j + 1));
    }
  }
  const std::vector<float> weights = {1, 2, 3, 4, 5};
  EXPECT_NEAR(gram.energy_of({weights.data(), 1, kWidth}), energy, 1e-3);
}

models::Program program_of(const std::string& name) {
  const models::test::EditedModel model(name, {});
  const auto reader = *gguf::Reader::open(model.bytes());
  return *models::read_program({reader, *pack::PackedView::open(reader)});
}

TEST(LinearInputs, AreThoseOfTheProgram) {
  const auto program = program_of("llama-f32");
  const auto inputs = linear_inputs(program);
  ASSERT_EQ(inputs.size(), 2U * 4 + 1);  // Two layers of four, and the head.
  EXPECT_EQ(inputs[0].weights,
            (std::vector<std::string>{"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"}));
  EXPECT_EQ(inputs[3].weights, std::vector<std::string>{"blk.0.ffn_down.weight"});
}

// Shows the first product three rows: a text's first two, then one more.
class OneText final : public Calibration {
 public:
  OneText(models::Program program, std::size_t width)
      : program_(std::move(program)), width_(width), numbers_(normals(3 * width, 5)) {}

  [[nodiscard]] const models::Program& program() const override { return program_; }
  [[nodiscard]] Result<void> run(ShowInput show) override {
    const std::size_t step = linear_inputs(program_).front().step;
    show(step, {numbers_.data(), 2, width_}, Rows::kTextStart);
    show(step, {numbers_.data() + 2 * width_, 1, width_}, Rows::kInside);
    return {};
  }
  [[nodiscard]] double number(std::size_t row, std::size_t column) const {
    return double{numbers_[row * width_ + column]};
  }

 private:
  models::Program program_;
  std::size_t width_;
  std::vector<float> numbers_;
};

TEST(InputStatistics, CountATextsFirstTokenManyTimes) {
  const auto program = program_of("llama-f32");
  const std::size_t width = linear_inputs(program).front().width;
  OneText text(program, width);
  InputStatistics statistics(text);
  ASSERT_TRUE(statistics.measure_moments());
  const auto grams = statistics.measure(std::vector<std::size_t>{0});
  ASSERT_TRUE(grams);
  for (std::size_t i = 0; i < width; ++i) {
    double expected = 0;
    for (std::size_t row = 0; row < 3; ++row)
      expected += (row == 0 ? double{kFirstTokenWeight} : 1.0) * text.number(row, i) * text.number(row, i);
    EXPECT_NEAR(double{statistics.moments(0)[i]}, expected, 1e-5 * expected);
    EXPECT_NEAR(double{grams->front().diagonal(i)}, expected, 1e-5 * expected);
  }
}

TEST(FindFolds, NamesWhatTakesTheFactorsBack) {
  for (const std::string model : {"llama-f32", "qwen2-f32", "qwen3-f32"}) {
    const auto program = program_of(model);
    const auto inputs = linear_inputs(program);
    const auto folds = find_folds(program, inputs);
    ASSERT_GE(folds.size(), 6U) << model;
    EXPECT_EQ(folds[0].producer, "blk.0.attn_norm.weight");
    EXPECT_EQ(folds[1].producer, "blk.0.ffn_norm.weight");
    EXPECT_EQ(folds[2].producer, "blk.0.ffn_up.weight");
    EXPECT_EQ(inputs[folds[2].input].weights.front(), "blk.0.ffn_down.weight");
  }
}

// An input with two neighbours that are large: their weights must not be rounded like the others.
TEST(SearchFactors, FavoursColumnsThatCount) {
  constexpr std::size_t kWidth = 64;
  const ScalingSample sample{*symmetric_format(kernels::Format::kQ4_0), normals(32 * kWidth, 5)};
  std::vector<float> moments(kWidth, 1.0F);
  EXPECT_TRUE(search_factors({&sample, 1}, moments).empty());  // All alike: every alpha is the same.
  moments[3] = moments[40] = 400.0F;
  const auto factors = search_factors({&sample, 1}, moments);
  ASSERT_EQ(factors.size(), kWidth);
  EXPECT_GT(factors[3], 1.3F * factors[4]);
  double logarithms = 0;
  for (const float factor : factors) logarithms += std::log(double{factor});
  EXPECT_NEAR(logarithms, 0.0, 1e-3);
}

// Every choice of sizes, tried.
double best_cost(const std::vector<std::vector<Size>>& tensors, std::size_t first, std::uint64_t bytes) {
  if (first == tensors.size()) return 0;
  double best = INFINITY;
  for (const Size& size : tensors[first]) {
    if (size.bytes <= bytes) best = std::min(best, size.cost + best_cost(tensors, first + 1, bytes - size.bytes));
  }
  return best;
}

TEST(Spend, IsNearTheBestChoiceAndNeverOver) {
  std::mt19937 random(9);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<std::vector<Size>> tensors(6);
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    double largest = 0;
    for (auto& sizes : tensors) {
      const std::uint64_t unit = 10 + random() % 40;
      const double cost = 1.0 + static_cast<double>(random() % 100);
      sizes = {{4 * unit, cost}, {8 * unit, cost / (2.0 + static_cast<double>(random() % 50))}, {16 * unit, 0.0}};
      least += sizes.front().bytes;
      most += sizes.back().bytes;
      largest = std::max(largest, cost);
    }
    const std::uint64_t budget = least + random() % std::max<std::uint64_t>(most - least, 1);
    const auto chosen = spend(tensors, budget);
    std::uint64_t bytes = 0;
    double cost = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      bytes += tensors[i][chosen[i]].bytes;
      cost += tensors[i][chosen[i]].cost;
    }
    EXPECT_LE(bytes, budget);
    EXPECT_LE(cost, best_cost(tensors, 0, budget) + largest);  // One step of the optimum.
  }
  const std::vector<std::vector<Size>> tight = {{{10, 5.0}, {20, 0.0}}};
  EXPECT_EQ(spend(tight, 5), std::vector<std::size_t>{0});
  EXPECT_EQ(spend(tight, 20), std::vector<std::size_t>{1});
}

}  // namespace
}  // namespace linnet::quantize
