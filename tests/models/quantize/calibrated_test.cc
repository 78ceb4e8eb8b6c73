// Quantisation with calibration, of a whole small model whose layers' inputs are made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kernels/formats/format.h"
#include "models/pack/packed_view.h"
#include "models/quantize/quantize.h"
#include "models/registry.h"
#include "tests/models/edited_model.h"

namespace linnet::quantize {
namespace {

using gguf::Reader;
using gguf::TensorType;
using models::test::EditedModel;
using testing::HasSubstr;

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

// Shows every product rows whose neighbouring columns are alike, some ten times as large as others.
class MadeInputs final : public Calibration {
 public:
  explicit MadeInputs(const Reader& reader)
      : program_(*models::read_program({reader, *pack::PackedView::open(reader)})) {}

  [[nodiscard]] const models::Program& program() const override { return program_; }
  [[nodiscard]] Result<void> run(ShowInput show) override {
    ++runs;
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (std::size_t step = 0; step < program_.steps.size(); ++step) {
      const auto* product = std::get_if<models::MatMul>(&program_.steps[step].operation);
      if (product == nullptr) continue;
      const std::size_t width = program_.buffers[static_cast<std::size_t>(product->in)].width;
      std::vector<float> rows(kRows * width);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const float before = i % width == 0 ? 0.0F : rows[i - 1];
        rows[i] = 0.7F * before + normal(random) * (i % width % 11 == 0 ? 10.0F : 1.0F);
      }
      show(step, {rows.data(), kRows, width}, Rows::kInside);
    }
    return {};
  }

  int runs = 0;

 private:
  static constexpr std::size_t kRows = 200;
  models::Program program_;
};

class Calibrated : public testing::Test {
 protected:
  struct Outcome {
    std::vector<std::byte> file;
    Report report;

    // Sum over calibrated tensors, squared.
    [[nodiscard]] double output_error() const {
      double sum = 0;
      for (const auto& tensor : report.tensors) {
        if (tensor.relative_output_error) sum += *tensor.relative_output_error * *tensor.relative_output_error;
      }
      return sum;
    }
  };

  Outcome quantised(Options options) {
    options.calibration = &inputs_;
    gguf::MemorySink sink;
    auto report = quantize(reader_, sink, options, kGoOn);
    EXPECT_TRUE(report) << report.error().message;
    return {{sink.bytes().begin(), sink.bytes().end()}, std::move(*report)};
  }

  EditedModel model_{"llama-f32", {}};
  Reader reader_ = *Reader::open(model_.bytes());
  MadeInputs inputs_{reader_};
};

TEST_F(Calibrated, EveryMethodReportsTheOutputAndFeedbackIsBest) {
  const double nearest = quantised({}).output_error();
  const auto feedback = quantised({.method = {.feedback = true}});
  EXPECT_LT(feedback.output_error(), 0.6 * nearest);
  EXPECT_LT(quantised({.method = {.scaling = true}}).output_error(), nearest);
  EXPECT_LT(quantised({.method = {.scaling = true, .feedback = true}}).output_error(), 0.6 * nearest);
  for (const auto& tensor : feedback.report.tensors) {
    const bool is_matrix = tensor.name.starts_with("blk.") && tensor.name.find("norm") == std::string::npos;
    EXPECT_EQ(tensor.relative_output_error.has_value(), is_matrix) << tensor.name;
  }
}

// norm / s with W * s: what a reader of the file multiplies is what the float model multiplies.
TEST_F(Calibrated, FactorsAreTakenBack) {
  const auto file = quantised({.type = TensorType::kQ8_0, .method = {.scaling = true}}).file;
  const auto reader = *Reader::open(file);
  const auto values = [](const Reader& of, const char* name) {
    const auto* tensor = of.find_tensor(name);
    const auto format = *pack::kept_format(tensor->type->type);
    std::vector<float> row(static_cast<std::size_t>(tensor->columns()));
    kernels::dequantize_row(format, tensor->data.data(), row.size(), row.data());
    return row;
  };
  const auto norm = values(reader, "blk.0.attn_norm.weight");
  const auto norm_before = values(reader_, "blk.0.attn_norm.weight");
  const auto query = values(reader, "blk.0.attn_q.weight");
  const auto query_before = values(reader_, "blk.0.attn_q.weight");
  EXPECT_NE(norm, norm_before);
  const float largest = std::abs(*std::ranges::max_element(query_before, {}, [](float v) { return std::abs(v); }));
  for (std::size_t i = 0; i < norm.size(); ++i) {
    EXPECT_NEAR(norm[i] * query[i], norm_before[i] * query_before[i], 0.05F * largest * std::abs(norm_before[i])) << i;
  }
}

TEST_F(Calibrated, MemoryAndThreadsDoNotShow) {
  const Options options{.method = {.scaling = true, .feedback = true}};
  const auto one = quantised(options);
  const int runs_of_one_group = inputs_.runs;
  EXPECT_EQ(runs_of_one_group, 2);  // Moments, then all Gram matrices.
  Options small = options;
  small.calibration_memory = 1;
  small.threads = 3;
  EXPECT_EQ(quantised(small).file, one.file);
  EXPECT_EQ(inputs_.runs - runs_of_one_group, 1 + 8);  // Each of the eight inputs by itself.
}

TEST_F(Calibrated, PrunesTheShareAskedForAndFeedbackMakesItGood) {
  const auto nearest = quantised({.pruned = 0.5});
  const auto feedback = quantised({.method = {.feedback = true}, .pruned = 0.5});
  EXPECT_LT(feedback.output_error(), nearest.output_error());
  const auto reader = *Reader::open(feedback.file);
  const auto* tensor = reader.find_tensor("blk.1.ffn_down.weight");
  std::vector<float> row(static_cast<std::size_t>(tensor->columns()));
  kernels::dequantize_row(kernels::Format::kQ4_0, tensor->data.data(), row.size(), row.data());
  EXPECT_GE(std::ranges::count(row, 0.0F), static_cast<std::ptrdiff_t>(row.size() / 2));
}

TEST_F(Calibrated, KeepsToTheBudgetAndSpendsItWhereItHelps) {
  const auto small = quantised({});
  const auto large = quantised({.type = TensorType::kQ8_0});
  const std::uint64_t budget = (small.file.size() + large.file.size()) / 2;
  const auto mixed = quantised({.target_bytes = budget});
  EXPECT_LE(mixed.file.size(), budget);
  EXPECT_GT(mixed.file.size(), budget - budget / 10);
  EXPECT_LT(mixed.output_error(), 0.8 * small.output_error());
  EXPECT_TRUE(std::ranges::any_of(mixed.report.tensors, [](const auto& t) { return t.note.starts_with("raised"); }));

  gguf::MemorySink sink;
  const auto error = quantize(reader_, sink, {.target_bytes = 1000}, kGoOn).error();
  EXPECT_EQ(error.kind, ErrorKind::kExhausted);
  EXPECT_THAT(error.message, HasSubstr(std::to_string(small.file.size())));
}

TEST_F(Calibrated, RefusesWhatMakesNoSense) {
  gguf::MemorySink sink;
  EXPECT_EQ(quantize(reader_, sink, {.method = {.feedback = true}}, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(quantize(reader_, sink, {.pruned = 1.0}, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_TRUE(parse_method("awq+gptq")->scaling && parse_method("awq+gptq")->feedback);
  EXPECT_FALSE(parse_method("rtn")->feedback);
  EXPECT_EQ(parse_method("magic").error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace linnet::quantize
