// Keys and values kept as int8: nearly the logits of f16, the same bits however they are computed, half the memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "hal/cpu.h"
#include "runtime/engine/generator.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

using kernels::CacheFormat;

std::vector<TokenId> prompt(std::size_t count, std::size_t from = 0) {
  const auto tokens = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(from);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

EngineOptions with(CacheFormat format, std::size_t threads = 1, const CpuFeatures& cpu = hal::detect_cpu_features()) {
  return {.max_sequences = 2,
          .max_batch_rows = 300,
          .max_outputs = 300,
          .threads = threads,
          .cache_format = format,
          .cpu = cpu};
}

// A window with sinks, grouped heads, a recurrent state beside attention.
class Int8Cache : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { model_ = load_model(GetParam()); }
  std::unique_ptr<ModelBytes> model_;
};
INSTANTIATE_TEST_SUITE_P(Models, Int8Cache,
                         testing::Values("llama-f32", "qwen3-q8_0", "gpt-oss-f32", "qwen35-f32", "mixtral-q8_0"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// The distance of the logits as a share of their size: int8 keeps 1 part in 254 of a head's largest number. Where
// activations are rounded to int8 too, or experts chosen, small differences fall on this or that side.
TEST_P(Int8Cache, LogitsAreNearlyThoseOfF16) {
  Engine exact = open_model(*model_, with(CacheFormat::kF16));
  Engine rounded = open_model(*model_, with(CacheFormat::kQ8));
  const auto expected = all_logits(exact, prompt(280), 300);
  const auto logits = all_logits(rounded, prompt(280), 300);
  double distance = 0;
  double size = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    distance += std::pow(static_cast<double>(logits[i] - expected[i]), 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  EXPECT_GT(distance, 0);
  EXPECT_LT(std::sqrt(distance / size), std::string(GetParam()).ends_with("f32") ? 0.02 : 0.1);
}

TEST_P(Int8Cache, KernelsThreadsAndChunksDoNotShow) {
  Engine scalar = open_model(*model_, with(CacheFormat::kQ8, 1, {}));
  const auto expected = all_logits(scalar, prompt(280), 300);
  for (const std::size_t threads : {1U, 3U}) {
    Engine engine = open_model(*model_, with(CacheFormat::kQ8, threads));
    EXPECT_EQ(all_logits(engine, prompt(280), 300), expected) << threads << " threads";
    EXPECT_EQ(all_logits(engine, prompt(280), 7), expected) << threads << " threads";
  }
}

TEST_P(Int8Cache, ACopyGoesOnAsTheSequenceDoes) {
  Engine engine = open_model(*model_, with(CacheFormat::kQ8));
  const auto tokens = prompt(270);
  const SequenceId one = *engine.begin_sequence();
  const SequenceId two = *engine.begin_sequence();
  std::vector<BatchRow> rows;
  for (std::size_t i = 0; i < 269; ++i) rows.push_back({tokens[i], one, static_cast<std::uint32_t>(i), false});
  ASSERT_TRUE(engine.step(rows));
  ASSERT_TRUE(engine.copy(one, two));
  const BatchRow both[] = {{tokens[269], one, 269, true}, {tokens[269], two, 269, true}};
  const auto logits = engine.step(both);
  ASSERT_TRUE(logits);
  EXPECT_TRUE(std::ranges::equal(logits->row(0), logits->row(1)));
}

TEST_P(Int8Cache, TakesAboutHalfTheMemory) {
  const auto cache_of = [&](CacheFormat format) {
    const Engine engine = open_model(*model_, with(format));
    const auto& rows = engine.plan().rows;
    return std::ranges::find(rows, "KV cache", [](const auto& row) { return row.name; })->size.count;
  };
  // The tiny models' heads have 16 to 32 numbers: the scale is 4 of 20 to 36 bytes.
  EXPECT_LT(cache_of(CacheFormat::kQ8), cache_of(CacheFormat::kF16) * 3 / 4);
}

TEST(Int8CacheRefusals, ALatentCacheIsKeptInF16) {
  const auto model = load_model("deepseek2-q8_0");
  const auto engine = Engine::open(model->bytes(), with(CacheFormat::kQ8));
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(engine.error().message.find("latent"), std::string::npos);
}

}  // namespace
}  // namespace linnet::engine::test
