// Generators that share steps: each gives what it gives alone, whoever comes and goes; prompts come in without hurry.
#include "runtime/engine/shared_steps.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

constexpr std::size_t kTogether = 16;

struct Asked {
  std::vector<TokenId> prompt;
  GenerationOptions options;
};

struct Given {
  std::vector<TokenId> ids;
  std::vector<float> probabilities;

  void add(const Sampled& sampled) {
    ids.push_back(sampled.token);
    probabilities.push_back(sampled.probability);
  }
  bool operator==(const Given&) const = default;
};

// Different beginnings, lengths, ends and ways to choose; some begin alike.
std::vector<Asked> questions() {
  const auto tokens = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < kTogether; ++i) {
    const std::size_t from = i % 3 == 0 ? 0 : 13 * i;
    const std::size_t length = i == 5 ? 300 : 3 + 17 * i;
    Asked one;
    one.prompt.assign(tokens.begin() + static_cast<std::ptrdiff_t>(from),
                      tokens.begin() + static_cast<std::ptrdiff_t>(from + length));
    one.options.max_tokens = 6 + i;
    one.options.sampling.want_probability = true;
    one.options.sampling.temperature = i % 2 == 0 ? 0.0F : 0.9F;
    one.options.sampling.seed = i;
    asked.push_back(std::move(one));
  }
  return asked;
}

Given alone(const ModelBytes& model, const Asked& asked) {
  Engine engine = open_model(model, {.context = 400, .max_batch_rows = 32});
  auto generator = Generator::start(engine, asked.prompt, asked.options);
  EXPECT_TRUE(generator) << generator.error().message;
  Given given;
  for (auto token = generator->next(); token && *token; token = generator->next()) given.add(**token);
  return given;
}

// Those that have not ended advance by a step; says whether any was left.
bool step(SharedSteps& steps, std::vector<std::optional<Generator>>& generators, std::vector<Given>& given) {
  std::vector<Generator*> running;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < generators.size(); ++i) {
    if (!generators[i]) continue;
    if (generators[i]->ended()) {
      generators[i].reset();
      continue;
    }
    running.push_back(&*generators[i]);
    numbers.push_back(i);
  }
  if (running.empty()) return false;
  const auto computed = steps.compute(running);
  EXPECT_TRUE(computed) << computed.error().message;
  steps.take(running);
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (!steps.took(i)) continue;
    const auto& sampled = steps.taken(i);
    EXPECT_TRUE(sampled) << sampled.error().message;
    if (*sampled) given[numbers[i]].add(**sampled);
  }
  return true;
}

class Together : public testing::TestWithParam<const char*> {};

// One begins every other step, so that prompts meet answers; places are taken again with what was left in them.
TEST_P(Together, EachSaysWhatItSaysAlone) {
  const auto model = load_model(GetParam());
  const auto asked = questions();
  for (const std::size_t places : {kTogether, std::size_t{5}}) {
    Engine engine = open_model(*model, {.context = 400, .max_sequences = places, .max_batch_rows = 32, .threads = 2});
    SharedSteps steps(engine);
    std::vector<std::optional<Generator>> generators(kTogether);
    std::vector<Given> given(kTogether);
    std::size_t begun = 0;
    for (std::size_t i = 0; step(steps, generators, given) || begun < kTogether; ++i) {
      const auto running = std::ranges::count_if(generators, [](const auto& g) { return g.has_value(); });
      if (begun == kTogether || i % 2 == 1 || static_cast<std::size_t>(running) == places) continue;
      auto generator = Generator::start(engine, asked[begun].prompt, asked[begun].options);
      ASSERT_TRUE(generator) << generator.error().message;
      generators[begun++] = *std::move(generator);
    }
    for (std::size_t i = 0; i < kTogether; ++i) {
      EXPECT_EQ(given[i], alone(*model, asked[i])) << i << " of " << places << " places";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Together,
                         testing::Values("llama-q4_0", "mistral-f32", "qwen35-q8_0", "mixtral-q8_0", "gpt-oss-f32",
                                         "deepseek2-q8_0"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// A constraint that runs out of memory.
struct Breaking final : TokenConstraint {
  TokenMask allowed() override { throw std::bad_alloc(); }
  void accept(TokenId) override {}
};

TEST(SharedSteps, WhatAConstraintThrowsOnAnyThreadComesToTheCaller) {
  const auto model = load_model("llama-f32");
  Engine engine = open_model(*model, {.context = 64, .max_sequences = 4, .threads = 2});
  SharedSteps steps(engine);
  const std::vector<TokenId> prompt = {1, 2, 3};
  std::vector<Generator> generators;
  std::vector<Generator*> all;
  Breaking breaking;
  for (int i = 0; i < 4; ++i) {
    GenerationOptions options{.max_tokens = 30};
    if (i >= 2) options.constraint = &breaking;
    generators.push_back(*Generator::start(engine, prompt, options));
  }
  for (Generator& generator : generators) all.push_back(&generator);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(steps.compute(all));
    EXPECT_THROW(steps.take(all), std::bad_alloc);
  }
  const std::array<Generator*, 2> sound = {all[0], all[1]};
  ASSERT_TRUE(steps.compute(sound));
  EXPECT_NO_THROW(steps.take(sound)) << "the others go on";
  EXPECT_EQ(steps.taken(0).value()->token, steps.taken(1).value()->token);
}

TEST(SharedSteps, AShortPromptIsNotHeldUpByALongOne) {
  const auto model = load_model("llama-f32");
  Engine engine = open_model(*model, {.context = 512, .max_sequences = 2, .max_batch_rows = 16});
  SharedSteps steps(engine);
  const std::vector<TokenId> long_prompt(400, 7);
  const std::vector<TokenId> short_prompt(20, 8);
  auto long_one = Generator::start(engine, long_prompt, {.max_tokens = 1});
  auto short_one = Generator::start(engine, short_prompt, {.max_tokens = 1});
  const std::array<Generator*, 2> both = {&*long_one, &*short_one};
  int needed = 1;
  for (; steps.compute(both) && !steps.took(1); ++needed) ASSERT_LT(needed, 50);
  EXPECT_EQ(needed, 3) << "half of each step's 16 rows";
  EXPECT_EQ(long_one->prompt_left(), 400U - 8 - 8 - 12) << "what the short one does not need is the long one's";
}

// A step of rows of which each costs as much as those on this machine do: what the pace is told is what it asked for.
double run(PrefillPace& pace, std::size_t decoding, double alone, double a_row) {
  const std::size_t rows = pace.rows_beside(decoding);
  const double milliseconds = alone + a_row * static_cast<double>(rows);
  pace.note(decoding, rows, milliseconds);
  return milliseconds / alone;
}

TEST(PrefillPace, ASteadyStreamIsNeverSlowedByMoreThanPromised) {
  for (const double a_row : {0.01, 0.1, 1.0, 5.0}) {
    PrefillPace pace(4);
    double most = 0;
    double sum = 0;
    for (int i = 0; i < 200; ++i) {
      const double slower = run(pace, 2, 10, a_row);
      if (i > 20) sum += slower;
      most = std::max(most, slower);
    }
    EXPECT_LE(most, 2.0) << a_row;
    EXPECT_GT(sum / 179, a_row <= 1 ? 1.6 : 1.4) << a_row << ": what may be used is used";
  }
}

TEST(PrefillPace, LooksAgainAndFollowsABoardThatThrottles) {
  PrefillPace pace(4);
  for (int i = 0; i < 60; ++i) (void)run(pace, 1, 10, 0.5);
  std::size_t before = pace.rows_beside(1);
  if (before == 0) (void)run(pace, 1, 10, 0.5), before = pace.rows_beside(1);
  EXPECT_NEAR(static_cast<double>(before), 15, 1);
  for (int i = 0; i < 400; ++i) (void)run(pace, 1, 10, 2);  // Rows cost four times as much, answers what they did.
  std::size_t after = pace.rows_beside(1);
  if (after == 0) (void)run(pace, 1, 10, 2), after = pace.rows_beside(1);
  EXPECT_NEAR(static_cast<double>(after), 3, 1);
  int looks = 0;
  for (int i = 0; i < 330; ++i) {
    looks += pace.rows_beside(1) == 0 ? 1 : 0;
    (void)run(pace, 1, 10, 2);
  }
  EXPECT_EQ(looks, 10);
}

TEST(PrefillPace, ABatchOfAnotherSizeIsLookedAtFirst) {
  PrefillPace pace(4);
  EXPECT_EQ(pace.rows_beside(1), 0U);
  pace.note(1, 0, 10);
  EXPECT_EQ(pace.rows_beside(1), 1U);
  EXPECT_EQ(pace.rows_beside(2), 0U);
}

}  // namespace
}  // namespace linnet::engine::test
