// The arithmetic of model sizes against the engine's own plan of a file of that shape, whose weights are never written.
#include "runtime/limits/advice.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "hal/cpu.h"
#include "models/gguf/reader.h"
#include "models/synthetic/make_model.h"
#include "runtime/engine/engine.h"

namespace linnet::limits {
namespace {

// A file of the full size that holds its header and holes: maps for reading, takes next to no memory.
class HollowFile final : public gguf::Sink {
 public:
  HollowFile() : file_(memfd_create("hollow", 0)) {}
  ~HollowFile() override {
    if (map_ != MAP_FAILED) munmap(map_, size_);
    close(file_);
  }

  Result<void> reserve(std::uint64_t size) override {
    if (size > PTRDIFF_MAX) return fail(ErrorKind::kExhausted, "more than this machine can map");
    size_ = static_cast<std::size_t>(size);
    return ftruncate(file_, static_cast<off_t>(size)) == 0 ? Result<void>() : fail(ErrorKind::kIo, "ftruncate");
  }
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const bool written =
        pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes.size());
    return written ? Result<void>() : fail(ErrorKind::kIo, "pwrite");
  }
  std::span<const std::byte> map() {
    map_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file_, 0);
    EXPECT_NE(map_, MAP_FAILED);
    return {static_cast<const std::byte*>(map_), size_};
  }

 private:
  int file_;
  std::size_t size_ = 0;
  void* map_ = MAP_FAILED;
};

// None where such a file does not fit the machine's addresses.
std::optional<engine::MemoryPlan> planned(const char* shape, gguf::TensorType type, std::size_t context,
                                          std::size_t threads) {
  HollowFile file;
  const auto stop_at_the_weights = [](std::uint64_t, std::uint64_t) { return false; };
  const auto made = synthetic::make_model({.like = shape, .type = type, .seed = 1}, file, stop_at_the_weights);
  if (made.error().kind == ErrorKind::kExhausted) return {};
  EXPECT_EQ(made.error().kind, ErrorKind::kInterrupted);
  const auto header = gguf::Reader::open(file.map());
  EXPECT_TRUE(header) << header.error().message;
  engine::EngineOptions options;
  options.context = context;
  options.threads = threads;
  options.cpu = hal::detect_cpu_features();
  options.device = engine::DeviceChoice::kCpu;
  const auto plan = engine::Engine::plan(*header, options);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan ? *plan : engine::MemoryPlan{};
}

const ModelSize& size_named(std::string_view name) { return *std::ranges::find(model_sizes(), name, &ModelSize::name); }

struct Case {
  const char* shape;
  const char* size;
};

class PlannedShape : public testing::TestWithParam<Case> {};

TEST_P(PlannedShape, IsWhatTheEnginePlansWithinTwoPerCent) {
  const ModelSize& model = size_named(GetParam().size);
  for (const auto& [type, bits] :
       {std::pair{gguf::TensorType::kQ4_0, WeightBits::kInt4}, std::pair{gguf::TensorType::kQ8_0, WeightBits::kInt8}}) {
    for (const std::size_t context : {std::size_t{256}, std::size_t{4096}}) {
      const auto of_file = planned(GetParam().shape, type, context, 4);
      if (!of_file) GTEST_SKIP() << "a file of this size does not fit this machine's addresses";
      const engine::MemoryPlan& plan = *of_file;
      const auto expected = static_cast<double>(plan.budgeted().count);
      EXPECT_NEAR(static_cast<double>(model.needed(bits, 4, context).count) / expected, 1, 0.02)
          << context << "\n"
          << engine::to_text(plan);
      EXPECT_NEAR(static_cast<double>((model.layers_a_token(bits) + model.head(bits)).count),
                  static_cast<double>(plan.touched_weights.count),
                  0.01 * static_cast<double>(plan.touched_weights.count));
      EXPECT_EQ(model.cache_a_position().count * engine::kPagePositions, plan.page.count);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PlannedShape,
                         testing::Values(Case{"qwen2.5-0.5b", "0.5B"}, Case{"qwen2.5-1.5b", "1.5B"},
                                         Case{"deepseek-r1-distill-qwen-7b", "7B"}),
                         [](const auto& instance) {
                           std::string name = instance.param.size;
                           std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
                           return name;
                         });

// Published totals and actives: each model's card.
TEST(ModelSize, HasThePublishedNumberOfWeights) {
  const auto billions = [](const char* name) {
    const ModelSize& model = size_named(name);
    return static_cast<double>(model.layer_weights() + model.table_weights() * (model.tied ? 1 : 2)) / 1e9;
  };
  EXPECT_NEAR(billions("0.5B"), 0.49, 0.01);
  EXPECT_NEAR(billions("1.5B"), 1.54, 0.01);
  EXPECT_NEAR(billions("3B"), 3.09, 0.01);
  EXPECT_NEAR(billions("7B"), 7.61, 0.02);
  EXPECT_NEAR(billions("8B"), 8.03, 0.02);
  EXPECT_NEAR(billions("14B"), 14.8, 0.1);
  EXPECT_NEAR(billions("16B-A2.4B"), 15.7, 0.1);
  const ModelSize& mixture = size_named("16B-A2.4B");
  const std::uint64_t active = mixture.layer_weights_a_token() + 2 * mixture.table_weights();
  EXPECT_NEAR(static_cast<double>(active) / 1e9, 2.66, 0.05) << "2.4 billion without the embeddings' table";
  EXPECT_EQ(mixture.cache_a_position().count, 27u * 576 * 2) << "latent attention keeps 512 + 64 numbers";
}

MachineLimits machine(double gb_s) {
  const Spread rate{gb_s, gb_s, gb_s};
  return {
      .read = {{1, rate}}, .int8_gop_s = rate, .int4_weights_gb_s = rate, .int8_weights_gb_s = rate, .barrier_us = {}};
}

TEST(Advice, SpeedIsBytesATokenOverTheRate) {
  const MachineLimits limits = machine(10);
  const ModelSize& model = size_named("7B");
  // 6.53e9 weights of layers at 4.5 bits and a head of 545 million at 8.5: 4.25 GB a token; 392 operations.
  const double operations = 392 * 10e-6 * 16 / 10;
  EXPECT_NEAR(expected_tokens_per_second(model, WeightBits::kInt4, limits), 1 / (0.425 + operations), 0.01);
  EXPECT_NEAR(expected_tokens_per_second(model, WeightBits::kInt8, limits), 1 / (0.751 + operations), 0.01);
}

TEST(Advice, SaysWhatFitsAndHowLong) {
  const auto rows = advise(Bytes{std::uint64_t{2} << 30}, 4, nullptr);
  ASSERT_EQ(rows.size(), 2 * model_sizes().size());
  const auto row = [&](const char* name, WeightBits bits) {
    return *std::ranges::find_if(rows, [&](const Advice& a) { return a.model->name == name && a.bits == bits; });
  };
  EXPECT_TRUE(*row("0.5B", WeightBits::kInt8).fits);
  EXPECT_EQ(*row("0.5B", WeightBits::kInt8).longest, 32'768u) << "at most the model's own";
  EXPECT_TRUE(*row("1.5B", WeightBits::kInt4).fits);
  EXPECT_FALSE(*row("7B", WeightBits::kInt4).fits);
  EXPECT_EQ(*row("7B", WeightBits::kInt4).longest, 0u);
  EXPECT_FALSE(row("7B", WeightBits::kInt4).tokens_per_second);
  for (const Advice& advice : rows) {  // The longest context is the last page that fits.
    if (*advice.longest == 0 || *advice.longest == advice.model->context) continue;
    EXPECT_LE(advice.model->needed(advice.bits, 4, *advice.longest).count, std::uint64_t{2} << 30);
    EXPECT_GT(advice.model->needed(advice.bits, 4, *advice.longest + 1).count, std::uint64_t{2} << 30);
  }
  EXPECT_FALSE(advise(std::nullopt, 4, nullptr).front().fits) << "nobody says what is available";
}

TEST(WhatWouldFit, NamesTheLargestOrNone) {
  const auto gib = [](double count) { return Bytes{static_cast<std::uint64_t>(count * 1073741824.0)}; };
  EXPECT_EQ(what_would_fit(gib(2.5), 2), "of the usual sizes 3B at INT4 would fit (linnet doctor)");
  EXPECT_EQ(what_would_fit(gib(0.57), 2), "of the usual sizes 0.5B at INT8 would fit (linnet doctor)");
  EXPECT_EQ(what_would_fit(gib(0.1), 2), "none of the usual sizes would fit, from 0.5B on");
}

}  // namespace
}  // namespace linnet::limits
