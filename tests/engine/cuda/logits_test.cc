// The kernels' own text, run on the host by the played driver: logits and texts are the processor's, but for rounding.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "runtime/engine/generator.h"
#include "tests/engine/cuda/fake_machine.h"
#include "tests/kernels/cuda/machine.h"

namespace linnet::engine::cuda::test {
namespace {

using engine::test::all_logits;
using engine::test::data_path;
using engine::test::load_model;
using engine::test::read_npy;

// Between a GPU and the processor: order of sums, and for many rows attention, and products with matrices of floats, of
// numbers rounded to halves. Where that turns the rounding of an activation the other way, it differs by one step of
// 127 of its block, which these models' random matrices do not average out (tests/engine/reference_test.cc).
struct Case {
  const char* name;
  double many_rows;
  double few_rows;
};
constexpr Case kCases[] = {
    {"llama-q4_0", 1e-2, 1e-2}, {"qwen2-q4_1", 1e-2, 1e-2},  {"qwen3-q8_0", 1e-2, 1e-2},
    {"llama-f16", 5e-3, 1e-4},  {"mistral-f32", 5e-3, 1e-4}, {"qwen2-yarn-f32", 5e-3, 1e-4},
};

class Logits : public testing::TestWithParam<Case> {};

// The kernels' own text, thread by thread.
void run_on_host(kernels::cuda::Kernel kernel, const void* parameters, const kernels::cuda::Launch& launch) {
  linnet::test::machine().launch(kernel, parameters, launch);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;  // A NaN stays.
  }
  return largest;
}

// In one chunk for tensor cores, in chunks for few rows, and token by token, from graphs.
TEST_P(Logits, AreTheProcessors) {
  const auto model = load_model(GetParam().name);
  auto tokens = read_npy<TokenId>(data_path(std::string(GetParam().name) + ".tokens.npy")).values;
  const EngineOptions options{.context = 64, .max_batch_rows = 20, .max_outputs = 20};
  const FakeMachine machine({.run = run_on_host});
  {
    auto processor = engine::test::open_model(*model, options);
    auto engine = Engine::open(model->bytes(), machine.on(DeviceChoice::kCuda, options));
    ASSERT_TRUE(engine) << engine.error().message;
    for (const std::size_t chunk : {20U, 3U, 1U}) {
      tokens.resize(chunk == 20 ? 20 : 6);
      const auto expected = all_logits(processor, tokens, 8);
      const double difference = largest_difference(all_logits(*engine, tokens, chunk), expected);
      std::printf("[ FIGURES  ] largest difference in chunks of %zu: %.2e\n", chunk, difference);
      EXPECT_LE(difference, chunk == 20 ? GetParam().many_rows : GetParam().few_rows) << "chunks of " << chunk;
    }
  }
  machine.expect_clean();
}

INSTANTIATE_TEST_SUITE_P(Models, Logits, testing::ValuesIn(kCases), [](const auto& instance) {
  std::string name = instance.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// Keys and values as int8, whose bits the kernels store as the processor does: prefill in tiles, and decoding.
TEST(Logits, OfAnInt8CacheAreTheProcessors) {
  for (const char* const name : {"llama-f16", "mistral-f32"}) {
    const auto model = load_model(name);
    auto tokens = read_npy<TokenId>(data_path(std::string(name) + ".tokens.npy")).values;
    tokens.resize(12);
    const EngineOptions options{
        .context = 64, .max_batch_rows = 20, .max_outputs = 20, .cache_format = kernels::CacheFormat::kQ8};
    const FakeMachine machine({.run = run_on_host});
    auto processor = engine::test::open_model(*model, options);
    auto engine = Engine::open(model->bytes(), machine.on(DeviceChoice::kCuda, options));
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_TRUE(engine->device().is_gpu);
    const auto expected = all_logits(processor, tokens, 8);
    const double many = largest_difference(all_logits(*engine, tokens, 12), expected);
    const double one = largest_difference(all_logits(*engine, tokens, 1), expected);
    std::printf("[ FIGURES  ] %s: largest difference at once %.2e, one by one %.2e\n", name, many, one);
    // At once, sums of halves turn the rounding of some numbers the other way: by a 127th of their head's largest.
    EXPECT_LE(many, 2e-2);
    EXPECT_LE(one, 1e-5);
  }
}

std::vector<TokenId> greedy_text(Engine& engine, const std::vector<TokenId>& prompt, std::size_t count) {
  auto generator = Generator::start(engine, prompt, {.max_tokens = count});
  EXPECT_TRUE(generator);
  std::vector<TokenId> text;
  for (auto token = generator->next(); token && *token; token = generator->next()) text.push_back((*token)->token);
  return text;
}

TEST(GreedyText, IsTheReferences) {
  const auto model = load_model("qwen2-f32");
  const auto prompt = read_npy<TokenId>(data_path("qwen2-f32.tokens.npy")).values;
  auto expected = read_npy<TokenId>(data_path("qwen2-f32.greedy.npy")).values;
  expected.resize(12);
  const FakeMachine machine({.run = run_on_host});
  auto engine = Engine::open(model->bytes(), machine.on(DeviceChoice::kCuda));
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ(greedy_text(*engine, prompt, expected.size()), expected);
}

// Sequences of different lengths, decoded together, across a page; each as if it were alone.
TEST(Sequences, AreKeptApart) {
  const auto model = load_model("llama-f32");
  auto text = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  text.resize(260);
  const EngineOptions options{.context = 300, .max_sequences = 2, .max_batch_rows = 64, .max_outputs = 64};
  auto processor = engine::test::open_model(*model, options);
  const auto expected = all_logits(processor, text, 64);
  const std::size_t vocabulary = processor.program().vocabulary;
  const FakeMachine machine({.run = run_on_host});
  auto engine = *Engine::open(model->bytes(), machine.on(DeviceChoice::kCuda, options));
  const auto ahead = *engine.begin_sequence();
  const auto behind = *engine.begin_sequence();
  std::vector<BatchRow> rows;
  for (std::uint32_t i = 0; i < 254; i += static_cast<std::uint32_t>(rows.size())) {
    rows.clear();
    for (std::uint32_t j = i; j < std::min(254U, i + 64); ++j) rows.push_back({text[j], ahead, j, false});
    ASSERT_TRUE(engine.step(rows));
  }
  for (std::uint32_t i = 0; i < 6; ++i) {  // Over the end of the first page.
    rows = {{text[254 + i], ahead, 254 + i, true}, {text[i], behind, i, true}};
    const auto logits = engine.step(rows);
    ASSERT_TRUE(logits);
    for (std::size_t row = 0; row < 2; ++row) {
      const float* const whole = expected.data() + (row == 0 ? 254 + i : i) * vocabulary;
      const std::vector<float> alone(whole, whole + vocabulary);
      const std::vector<float> together(logits->row(row).begin(), logits->row(row).end());
      EXPECT_LE(largest_difference(together, alone), 5e-3) << "row " << row << " of step " << i;
    }
  }
}

TEST(Encoder, GivesTheProcessorsHiddenStates) {
  const auto model = load_model("bert-mean-f32");
  const std::vector<TokenId> text = {2, 7, 9, 11, 5, 6, 8, 12, 14, 3};
  const EngineOptions options{.context = 64, .max_batch_rows = 64, .max_outputs = 64};
  auto processor = engine::test::open_model(*model, options);
  const auto expected = all_logits(processor, text, 64);
  const FakeMachine machine({.run = run_on_host});
  auto engine = Engine::open(model->bytes(), machine.on(DeviceChoice::kCuda, options));
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_LE(largest_difference(all_logits(*engine, text, 64), expected), 1e-2);
}

}  // namespace
}  // namespace linnet::engine::cuda::test
