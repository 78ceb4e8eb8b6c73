// Hidden states of encoders against Hugging Face transformers (tests/data/models/make_tiny_encoders.py).
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "runtime/engine/generator.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

constexpr std::array<std::size_t, 8> kRows = {0, 1, 100, 254, 255, 256, 257, 299};

class Encoder : public testing::TestWithParam<const char*> {
 protected:
  std::string golden(const std::string& what) const { return data_path(std::string(GetParam()) + "." + what + ".npy"); }
};

// 300 tokens: later ones change what the first sees, and lie on another page.
TEST_P(Encoder, HiddenStatesAgree) {
  const auto model = load_model(GetParam());
  Engine engine = open_model(*model, {.context = 320, .max_batch_rows = 320, .max_outputs = 320});
  ASSERT_TRUE(engine.program().pooling);
  const auto tokens = read_npy<TokenId>(golden("tokens"));
  const auto expected = read_npy<float>(golden("hidden"));
  const auto hidden = all_logits(engine, tokens.values, tokens.values.size());
  double largest = 0;
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    for (std::size_t d = 0; d < expected.width; ++d) {
      const auto actual = static_cast<double>(hidden[kRows[i] * expected.width + d]);
      largest = std::max(largest, std::abs(actual - static_cast<double>(expected.row(i)[d])));
    }
  }
  std::printf("[ FIGURES  ] largest difference: %.2e\n", largest);
  EXPECT_LE(largest, 1e-3);
}

// Texts beside each other in one step, on several threads and every kernel that this processor runs: the same bits.
TEST_P(Encoder, TextsDoNotSeeEachOther) {
  const auto model = load_model(GetParam());
  const auto tokens = read_npy<TokenId>(golden("tokens")).values;
  Engine one = open_model(*model, {.context = 64, .max_batch_rows = 64, .max_outputs = 64});
  const auto first = all_logits(one, std::span(tokens).first(40), 40);
  const auto second = all_logits(one, std::span(tokens).subspan(40, 20), 20);
  Engine both =
      open_model(*model, {.context = 64, .max_sequences = 2, .max_batch_rows = 64, .max_outputs = 64, .threads = 3});
  const auto a = *both.begin_sequence();
  const auto b = *both.begin_sequence();
  std::vector<BatchRow> rows;
  for (std::uint32_t i = 0; i < 40; ++i) rows.push_back({tokens[i], a, i, true});
  for (std::uint32_t i = 0; i < 20; ++i) rows.push_back({tokens[40 + i], b, i, true});
  const auto outputs = both.step(rows);
  ASSERT_TRUE(outputs) << outputs.error().message;
  for (std::size_t row = 0; row < 60; ++row) {
    const auto actual = outputs->row(row);
    const float* const expected = row < 40 ? first.data() + row * actual.size() : &second[(row - 40) * actual.size()];
    ASSERT_TRUE(std::equal(actual.begin(), actual.end(), expected)) << row;
  }
}

TEST_P(Encoder, ReadsATextInOneStepAndGeneratesNothing) {
  const auto model = load_model(GetParam());
  Engine engine = open_model(*model);
  const auto sequence = *engine.begin_sequence();
  const BatchRow first{5, sequence, 0, true};
  const BatchRow next{5, sequence, 1, true};
  ASSERT_TRUE(engine.step({&first, 1}));
  EXPECT_EQ(engine.step({&next, 1}).error().kind, ErrorKind::kUsage);
  engine.end_sequence(sequence);
  const std::array<TokenId, 2> prompt = {5, 6};
  EXPECT_EQ(Generator::start(engine, prompt, {}).error().kind, ErrorKind::kUnsupported);
}

INSTANTIATE_TEST_SUITE_P(Models, Encoder, testing::Values("bert-mean-f32", "bert-cls-f16", "nomic-bert-f32"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace linnet::engine::test
