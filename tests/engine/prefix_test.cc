// What a sequence computed is had by others that begin alike: how much of it, from whom, and always the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "runtime/base/arena.h"
#include "runtime/engine/generator.h"
#include "runtime/engine/workspace.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

// So many tokens of a text that begins again at its end.
std::vector<TokenId> text(std::size_t count, std::size_t from = 0) {
  const auto tokens = read_npy<TokenId>(data_path("long.tokens.npy")).values;
  std::vector<TokenId> part;
  for (std::size_t i = from; i < from + count; ++i) part.push_back(tokens[i % tokens.size()]);
  return part;
}

std::vector<TokenId> joined(std::vector<TokenId> one, const std::vector<TokenId>& two) {
  one.insert(one.end(), two.begin(), two.end());
  return one;
}

// What a generation gave, and what it did not have to compute.
struct Given {
  std::vector<TokenId> ids;
  std::vector<float> probabilities;
  std::size_t reused = 0;

  [[nodiscard]] bool same_answer(const Given& other) const {
    return ids == other.ids && probabilities == other.probabilities;
  }
};

Given finish(Generator& generator) {
  Given given;
  given.reused = generator.timings().reused_tokens;
  for (auto token = generator.next(); token && *token; token = generator.next()) {
    given.ids.push_back((*token)->token);
    given.probabilities.push_back((*token)->probability);
  }
  return given;
}

GenerationOptions options_of(bool reuse = true, std::size_t tokens = 12) {
  GenerationOptions options;
  options.max_tokens = tokens;
  options.sampling.want_probability = true;
  options.reuse_prefix = reuse;
  return options;
}

Given generate(Engine& engine, const std::vector<TokenId>& prompt, bool reuse = true) {
  auto generator = Generator::start(engine, prompt, options_of(reuse));
  EXPECT_TRUE(generator) << generator.error().message;
  return finish(*generator);
}

// The same model without anything before.
Given alone(const ModelBytes& model, const std::vector<TokenId>& prompt) {
  Engine engine = open_model(model, {.context = 1024, .max_batch_rows = 32});
  return generate(engine, prompt, false);
}

class Prefix : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] Engine open(std::size_t sequences, std::size_t context = 1024) const {
    return open_model(*model_, {.context = context, .max_sequences = sequences, .max_batch_rows = 32});
  }
  [[nodiscard]] bool goes_back() const { return std::string(GetParam()) != "qwen35-f32"; }
  [[nodiscard]] bool has_window() const { return std::string(GetParam()) == "mistral-f32"; }
  std::unique_ptr<ModelBytes> model_ = load_model(GetParam());
};

// Later turns of a conversation: the prompt goes on from what was computed, answer and all.
TEST_P(Prefix, ALaterTurnComputesItsOwnTokensAlone) {
  Engine engine = open(1);
  std::vector<TokenId> prompt = text(300);
  for (int turn = 0; turn < 3; ++turn) {
    const std::size_t held = turn == 0 ? 0 : prompt.size() - 20 - 1;  // All but the newest words, and the last token
    const Given given = generate(engine, prompt);                     // of an answer is not computed.
    EXPECT_EQ(given.reused, held) << turn;
    EXPECT_TRUE(given.same_answer(alone(*model_, prompt))) << turn;
    prompt = joined(joined(prompt, given.ids), text(20, 500 + 10 * static_cast<std::size_t>(turn)));
  }
  EXPECT_EQ(engine.metrics().prefix_hits, 2U);
}

// Another end after the same beginning. A recurrent state has passed it; it is computed anew.
TEST_P(Prefix, ASharedBeginningIsHadWhereTheStateGoesBack) {
  for (const std::size_t sequences : {1U, 2U}) {
    Engine engine = open(sequences);
    const auto begin = text(290);
    (void)generate(engine, joined(begin, text(20, 400)));
    for (const std::size_t from : {450U, 470U}) {
      const auto prompt = joined(begin, text(25, from));
      const Given given = generate(engine, prompt);
      EXPECT_EQ(given.reused, goes_back() ? 290U : 0U);
      EXPECT_TRUE(given.same_answer(alone(*model_, prompt)));
    }
  }
}

// From a sequence that is in the middle of its answer, which goes on as if nothing had been.
TEST_P(Prefix, IsHadFromARunningSequence) {
  Engine engine = open(2);
  const auto begin = text(290);
  const auto first = joined(begin, text(20, 400));
  const auto second = joined(begin, text(25, 450));
  auto running = Generator::start(engine, first, options_of(true, 8));
  Given before;
  before.ids.push_back((*running->next())->token);
  before.probabilities.clear();
  const Given given = generate(engine, second);
  EXPECT_EQ(given.reused, goes_back() ? 290U : 0U);
  EXPECT_TRUE(given.same_answer(alone(*model_, second)));
  const Given rest = finish(*running);
  const Given whole = alone(*model_, first);
  ASSERT_EQ(rest.ids.size(), 7U);
  EXPECT_TRUE(std::equal(rest.ids.begin(), rest.ids.end(), whole.ids.begin() + 1));
  EXPECT_TRUE(std::equal(rest.probabilities.begin(), rest.probabilities.end(), whole.probabilities.begin() + 1));
}

// The last token is computed in any case, for its logits; a recurrent state cannot go back to before it.
TEST_P(Prefix, TheSamePromptAgainComputesItsLastToken) {
  Engine engine = open(1);
  const auto prompt = text(270);
  const Given first = generate(engine, prompt);
  const Given second = generate(engine, prompt);
  EXPECT_EQ(second.reused, goes_back() ? 269U : 0U);
  EXPECT_TRUE(second.same_answer(first));
}

// A window's ring holds the last pages alone: two of them here.
TEST_P(Prefix, AWindowThatWasOverwrittenIsComputedAnew) {
  if (!has_window()) GTEST_SKIP() << "has no window";
  Engine engine = open(1);
  (void)generate(engine, text(1000));
  const auto prompt = joined(text(200), text(30, 350));
  const Given given = generate(engine, prompt);
  EXPECT_EQ(given.reused, 0U);
  EXPECT_TRUE(given.same_answer(alone(*model_, prompt)));
}

// Kept sequences hold nobody up: places and pages are there for whoever comes.
TEST_P(Prefix, WhatIsKeptMakesRoom) {
  Engine engine = open(2, 512);
  for (std::size_t i = 0; i < 4; ++i) (void)generate(engine, text(300, 60 * i));
  EXPECT_EQ(engine.metrics().pages_in_use, 0U);
  const auto one = engine.begin_sequence();
  const auto two = engine.begin_sequence();
  ASSERT_TRUE(one && two);
  const auto three = engine.begin_sequence(text(300));
  ASSERT_FALSE(three);
  EXPECT_EQ(three.error().kind, ErrorKind::kBusy);
  engine.end_sequence(*one);
  engine.end_sequence(*two);
}

// Two kept conversations go on in turn, each from its own: the newer does not push out the older.
TEST_P(Prefix, ConversationsAreKeptApart) {
  Engine engine = open(3);
  std::vector<TokenId> prompts[2] = {text(260), joined(text(130), text(130, 300))};
  for (int turn = 0; turn < 2; ++turn) {
    for (auto& prompt : prompts) {
      const Given given = generate(engine, prompt);
      EXPECT_TRUE(given.same_answer(alone(*model_, prompt)));
      if (turn == 1) {
        EXPECT_EQ(given.reused, prompt.size() - 11);
      }
      prompt = joined(joined(prompt, given.ids), text(10, 550));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Prefix,
                         testing::Values("llama-f32", "llama-q4_0", "mistral-f32", "qwen35-f32", "deepseek2-q8_0",
                                         "gpt-oss-f32"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// A pool with fewer pages than places: the oldest kept sequence goes when a running one grows, a copy that has no pages
// is not made, and what runs is never touched.
TEST(PrefixPages, OfKeptSequencesTheOldestGoes) {
  models::Program program;
  program.states = {models::KvCache{1, 16, 16}};
  const CacheShape shape{.sequences = 3, .context = 1024, .pages_a_sequence = 4, .pages = 4};
  Measure measure;
  (void)KvCache(measure, program, shape);
  auto arena = Arena::create({measure.bytes()});
  ASSERT_TRUE(arena);
  std::vector<std::uint16_t> storage(cache_numbers(program, shape));
  KvCache cache(*arena, program, shape);
  cache.reset(program);
  cache.use_storage(storage);
  const auto grow = [&](SequenceId id, std::size_t count, TokenId token) {
    for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(cache.claim(id, cache.length(id) + i, token));
    return cache.commit().has_value();
  };
  const auto old = *cache.begin();
  const auto young = *cache.begin();
  ASSERT_TRUE(grow(old, 256, 1));
  ASSERT_TRUE(grow(young, 300, 2));
  cache.keep(old);
  cache.keep(young);
  EXPECT_EQ(cache.free_pages(), 4U);
  const auto running = *cache.begin();
  ASSERT_TRUE(grow(running, 512, 3)) << "the older one's page goes for it";
  EXPECT_EQ(cache.free_pages(), 2U);
  const std::vector<TokenId> like_old(300, 1);
  const auto anew = *cache.begin(like_old);
  EXPECT_EQ(cache.length(anew), 0U);
  cache.end(anew);
  const std::vector<TokenId> like_young(250, 2);
  const auto copy = *cache.begin(like_young);
  EXPECT_EQ(copy, anew) << "a place was free: the kept one stays";
  EXPECT_EQ(cache.length(copy), 0U) << "and with it its pages: there is none for a copy";
  EXPECT_EQ(cache.length(running), 512U);
}

// Memory runs short in the middle of an answer: what was kept is gone, the answer goes on.
TEST(Prefix, GivenBackIsComputedAgain) {
  for (const char* name : {"llama-q4_0", "qwen35-q8_0"}) {
    const auto model = load_model(name);
    const auto prompt = text(300);
    const auto other = text(200, 50);
    Engine alone = open_model(*model, {.context = 600, .max_sequences = 2});
    const Given expected = generate(alone, prompt);
    Engine engine = open_model(*model, {.context = 600, .max_sequences = 2});
    EXPECT_TRUE(generate(engine, prompt).same_answer(expected));
    auto generator = Generator::start(engine, other, options_of());
    ASSERT_TRUE(generator);
    std::vector<TokenId> ids;
    for (auto token = generator->next(); token && *token; token = generator->next()) {
      ids.push_back((*token)->token);
      engine.give_back_idle();
    }
    EXPECT_EQ(ids, generate(alone, other, false).ids);
    const Given again = generate(engine, prompt);
    EXPECT_TRUE(again.same_answer(expected));
    EXPECT_LT(again.reused, 290u) << "it was forgotten";
  }
}

}  // namespace
}  // namespace linnet::engine::test
