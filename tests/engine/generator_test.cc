#include "runtime/engine/generator.h"

#include <gtest/gtest.h>

#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

class GeneratorTest : public testing::Test {
 protected:
  std::unique_ptr<ModelBytes> model_ = load_model("llama-f32");
  Engine engine_ = open_model(*model_, {.context = 64, .max_batch_rows = 8});
  std::vector<TokenId> prompt_ = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};  // Longer than a chunk of 8.

  // All tokens, and why it ended.
  std::pair<std::vector<TokenId>, FinishReason> generate(const GenerationOptions& options) {
    auto generator = Generator::start(engine_, prompt_, options);
    EXPECT_TRUE(generator) << generator.error().message;
    std::vector<TokenId> ids;
    for (auto token = generator->next(); token && *token; token = generator->next()) ids.push_back((*token)->token);
    return {ids, generator->finish()};
  }
};

TEST_F(GeneratorTest, EndsAtTheLimit) {
  const auto [ids, reason] = generate({.max_tokens = 5});
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_EQ(reason, FinishReason::kLength);
}

TEST_F(GeneratorTest, EndsWhereTheContextIsFull) {
  const auto [ids, reason] = generate({});
  EXPECT_EQ(ids.size(), 64 - prompt_.size() + 1);  // The last token needs no position.
  EXPECT_EQ(reason, FinishReason::kLength);
}

TEST_F(GeneratorTest, EndsAtAStopTokenWhichIsNotReturned) {
  const auto all = generate({.max_tokens = 10}).first;
  const std::vector<TokenId> stop = {149, all[4]};
  const auto [ids, reason] = generate({.max_tokens = 10, .stop_tokens = stop});
  const auto first = std::find(all.begin(), all.end(), all[4]);
  EXPECT_EQ(ids, std::vector<TokenId>(all.begin(), first));
  EXPECT_EQ(reason, FinishReason::kStop);
}

TEST_F(GeneratorTest, CancelledBeforeAndBetween) {
  std::atomic<bool> cancel{true};
  EXPECT_EQ(generate({.cancel = &cancel}).second, FinishReason::kCancelled);
  EXPECT_EQ(engine_.metrics().rows, 0u);
  cancel = false;
  auto generator = Generator::start(engine_, prompt_, {.cancel = &cancel});
  ASSERT_TRUE(generator->next().value());
  cancel = true;
  EXPECT_FALSE(generator->next().value());
  EXPECT_EQ(generator->finish(), FinishReason::kCancelled);
  EXPECT_FALSE(generator->next().value());  // And stays ended.
}

TEST_F(GeneratorTest, TheSequenceReturnsWithTheGenerator) {
  {
    auto first = Generator::start(engine_, prompt_, {});
    ASSERT_TRUE(first);
    const auto second = Generator::start(engine_, prompt_, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::kBusy);
    Generator moved = *std::move(first);
    EXPECT_TRUE(moved.next().value());
  }
  EXPECT_TRUE(Generator::start(engine_, prompt_, {}));
  EXPECT_EQ(engine_.metrics().pages_in_use, 0u);
}

TEST_F(GeneratorTest, TimingsCount) {
  auto generator = Generator::start(engine_, prompt_, {.max_tokens = 3});
  while (generator->next().value()) {
  }
  EXPECT_EQ(generator->timings().prompt_tokens, 12u);
  EXPECT_EQ(generator->timings().generated_tokens, 3u);
  EXPECT_GT(generator->timings().prefill_milliseconds, 0.0);
  EXPECT_GE(generator->timings().first_token_milliseconds, generator->timings().prefill_milliseconds);
  EXPECT_GT(generator->timings().decode_milliseconds, 0.0);
}

// Allows even tokens, then only token 100.
class EvenThenHundred final : public TokenConstraint {
 public:
  [[nodiscard]] TokenMask allowed() override {
    std::fill(mask_.begin(), mask_.end(), told_.size() < 3 ? 0x5555555555555555U : 0U);
    if (told_.size() >= 3) mask_[100 / 64] = std::uint64_t{1} << (100 % 64);
    return mask_;
  }
  void accept(TokenId token) override { told_.push_back(token); }
  [[nodiscard]] const std::vector<TokenId>& told() const { return told_; }

 private:
  std::array<std::uint64_t, 3> mask_{};
  std::vector<TokenId> told_;
};

TEST_F(GeneratorTest, AConstraintIsAskedAndTold) {
  EvenThenHundred constraint;
  const auto ids = generate({.max_tokens = 5, .constraint = &constraint}).first;
  ASSERT_EQ(ids.size(), 5u);
  EXPECT_EQ(constraint.told(), ids);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(ids[i] % 2, 0);
  EXPECT_EQ(ids[3], 100);
  EXPECT_EQ(ids[4], 100);
}

TEST_F(GeneratorTest, PenaltyKnowsThePrompt) {
  GenerationOptions options{.max_tokens = 1};
  const TokenId likeliest = generate(options).first.at(0);
  prompt_.insert(prompt_.begin(), likeliest);  // Now in the window.
  options.sampling.repetition_penalty = 100;
  EXPECT_NE(generate(options).first.at(0), likeliest);
}

TEST_F(GeneratorTest, RequestsThatMakeNoSense) {
  const auto kind_of = [&](std::vector<TokenId> prompt, const GenerationOptions& options) {
    const auto generator = Generator::start(engine_, prompt, options);
    return generator ? ErrorKind::kIo : generator.error().kind;
  };
  EXPECT_EQ(kind_of({}, {}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({150}, {}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({-1}, {}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(std::vector<TokenId>(65, 1), {}), ErrorKind::kExhausted);
  EXPECT_EQ(kind_of({1}, {.sampling = {.temperature = -1}}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({1}, {.stop_tokens = std::vector<TokenId>(17)}), ErrorKind::kUsage);
  EXPECT_EQ(engine_.metrics().pages_in_use, 0u);
  EXPECT_TRUE(Generator::start(engine_, prompt_, {}));  // None of them kept the sequence.
}

TEST(FinishReasonText, IsWhatTheCommandPrints) {
  EXPECT_EQ(to_string(FinishReason::kStop), "stop");
  EXPECT_EQ(to_string(FinishReason::kLength), "length");
  EXPECT_EQ(to_string(FinishReason::kCancelled), "cancelled");
}

}  // namespace
}  // namespace linnet::engine::test
