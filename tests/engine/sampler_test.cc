#include "runtime/engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace linnet::engine {
namespace {

using testing::HasSubstr;

// Every cut off, temperature 1.
SamplerOptions plain(std::uint64_t seed = 1) {
  return {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .seed = seed, .want_probability = true};
}

Sampled sample(Sampler& sampler, const std::vector<float>& logits, TokenMask mask = {}) {
  std::vector<Candidate> scratch(logits.size());
  const auto sampled = sampler.sample(logits, mask, scratch);
  EXPECT_TRUE(sampled) << (sampled ? "" : sampled.error().message);
  return sampled ? *sampled : Sampled{-1, 0};
}

// How often each token comes in `draws` draws.
std::map<TokenId, int> histogram(const SamplerOptions& options, const std::vector<float>& logits, int draws) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sample(sampler, logits).token];
  return counts;
}

TEST(Xoshiro256, FollowsTheAuthorsReference) {
  // From the reference C code of prng.di.unimi.it, state filled by splitmix64(42).
  Xoshiro256 random(42);
  EXPECT_EQ(random.next(), 0x15780b2e0c2ec716u);
  EXPECT_EQ(random.next(), 0x6104d9866d113a7eu);
  EXPECT_EQ(random.next(), 0xae17533239e499a1u);
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheLargest) {
  Sampler sampler(SamplerOptions{.want_probability = true});
  const auto sampled = sample(sampler, {1.0F, 3.0F, -2.0F, 3.0F});
  EXPECT_EQ(sampled.token, 1);
  const double mass = std::exp(-2.0) + 1 + std::exp(-5.0) + 1;
  EXPECT_NEAR(sampled.probability, 1 / mass, 1e-6);
}

// The short way for a greedy token alone, and the long one, over lengths around its blocks.
TEST(Sampler, GreedyIsTheSameWithAndWithoutProbability) {
  for (std::size_t size = 1; size < 70; ++size) {
    std::vector<float> logits(size);
    for (std::size_t i = 0; i < size; ++i) logits[i] = static_cast<float>((i * 37 + size * 11) % 23) - 12.0F;
    Sampler fast(SamplerOptions{});
    Sampler slow(SamplerOptions{.want_probability = true});
    EXPECT_EQ(sample(fast, logits).token, sample(slow, logits).token) << size;
  }
}

TEST(Sampler, DrawsFollowTheSoftmax) {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  const auto counts = histogram(plain(), logits, 20000);
  EXPECT_NEAR(counts.at(0), 10000, 300);  // Four standard deviations are 283.
  EXPECT_NEAR(counts.at(1), 6000, 270);
  EXPECT_NEAR(counts.at(2), 4000, 240);
}

TEST(Sampler, TemperatureSharpens) {
  auto options = plain();
  options.temperature = 0.5F;  // Squares the odds: 0.8^2 against 0.2^2 is 16 to 1.
  const auto counts = histogram(options, {std::log(0.8F), std::log(0.2F)}, 17000);
  EXPECT_NEAR(counts.at(1), 1000, 130);
}

TEST(Sampler, TopKKeepsTheKLargest) {
  auto options = plain();
  options.top_k = 2;
  const auto counts = histogram(options, {0, 1, 2, 0.5F}, 500);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_TRUE(counts.contains(1) && counts.contains(2));
}

TEST(Sampler, TopPKeepsTheFewestThatReachTheShare) {
  auto options = plain();
  const std::vector<float> logits = {std::log(0.2F), std::log(0.5F), std::log(0.3F)};
  options.top_p = 0.45F;
  EXPECT_EQ(histogram(options, logits, 300).size(), 1u);
  options.top_p = 0.55F;
  EXPECT_EQ(histogram(options, logits, 300).size(), 2u);
  options.top_p = 0.85F;
  EXPECT_EQ(histogram(options, logits, 300).size(), 3u);
  options.top_p = 0;  // The likeliest always stays.
  EXPECT_EQ(histogram(options, logits, 300).size(), 1u);
}

TEST(Sampler, MinPIsAShareOfTheLargest) {
  auto options = plain();
  options.min_p = 0.5F;  // 0.3 / 0.5 stays, 0.2 / 0.5 goes.
  const auto counts = histogram(options, {std::log(0.2F), std::log(0.5F), std::log(0.3F)}, 500);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_FALSE(counts.contains(0));
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 7919) % 1000) / 100.0F;
  SamplerOptions options{.temperature = 0.8F, .seed = 7};
  Sampler a(options);
  Sampler b(options);
  options.seed = 8;
  Sampler other(options);
  int different = 0;
  for (int i = 0; i < 100; ++i) {
    const auto token = sample(a, logits).token;
    EXPECT_EQ(token, sample(b, logits).token);
    different += token != sample(other, logits).token ? 1 : 0;
  }
  EXPECT_GT(different, 50);
}

TEST(Sampler, GoldenIdsHoldOnEveryBoard) {
  // The same draws as a mirror of this file in Python doubles gives.
  std::vector<float> logits(500);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 7919) % 500) / 50.0F;
  Sampler sampler({.temperature = 1.3F, .top_k = 100, .top_p = 0.9F, .min_p = 0.01F, .seed = 2026});
  std::vector<TokenId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(sample(sampler, logits).token);
  EXPECT_THAT(ids, testing::ElementsAre(414, 315, 476, 186, 476, 334, 118, 118));
}

TEST(Sampler, PenaltyCountsATokenOnceAndLeavesTheWindow) {
  SamplerOptions options{.repetition_penalty = 2, .repetition_window = 2};
  Sampler sampler(options);
  const std::vector<float> logits = {3.0F, 2.0F, -1.0F};
  EXPECT_EQ(sample(sampler, logits).token, 0);
  sampler.accept(0);
  sampler.accept(0);  // 3 / 2 < 2, not 3 / 4.
  EXPECT_EQ(sample(sampler, logits).token, 1);
  const std::vector<float> closer = {3.0F, 1.0F, -1.0F};  // 3 / 2 > 1; twice penalised it would lose.
  EXPECT_EQ(sample(sampler, closer).token, 0);
  sampler.accept(1);
  sampler.accept(2);  // 0 has left the window.
  EXPECT_EQ(sample(sampler, logits).token, 0);
}

TEST(Sampler, PenaltyLowersNegativeLogits) {
  Sampler sampler({.repetition_penalty = 2});
  sampler.accept(0);
  EXPECT_EQ(sample(sampler, {-1.0F, -1.5F}).token, 1);
}

TEST(Sampler, MaskedTokensNeverCome) {
  const std::vector<float> logits = {9, 8, 7, 6};
  const std::vector<std::uint64_t> mask = {0b1100};
  Sampler greedy(SamplerOptions{.want_probability = true});
  const auto sampled = sample(greedy, logits, mask);
  EXPECT_EQ(sampled.token, 2);
  EXPECT_NEAR(sampled.probability, 1 / (1 + std::exp(-1.0)), 1e-6);  // Of what is allowed.
  Sampler drawing(plain());
  for (int i = 0; i < 200; ++i) EXPECT_GE(sample(drawing, logits, mask).token, 2);
}

// Sizes beside whole words of the mask, masks from empty to full, and few values, so that there are equals.
TEST(Sampler, TheLargestUnderAMaskIsTheFirstOfTheLargestAllowed) {
  std::mt19937 random(7);
  Sampler sampler(SamplerOptions{});
  for (int round = 0; round < 400; ++round) {
    const std::size_t size = 1 + random() % 300;
    const auto density = random() % 9;
    std::vector<float> logits(size);
    std::vector<std::uint64_t> mask((size + 63) / 64);
    std::optional<std::size_t> expected;
    for (std::size_t i = 0; i < size; ++i) {
      logits[i] = static_cast<float>(random() % 20) - 10;
      if (i != 0 && random() % 8 >= density) continue;  // One at least.
      mask[i / 64] |= std::uint64_t{1} << (i % 64);
      if (!expected || logits[i] > logits[*expected]) expected = i;
    }
    EXPECT_EQ(sample(sampler, logits, mask).token, static_cast<TokenId>(*expected)) << round;
  }
}

TEST(Sampler, AMaskShorterThanTheVocabularyForbidsTheRest) {
  std::vector<float> logits(130, 1.0F);
  logits[129] = 5;
  const std::vector<std::uint64_t> mask = {0, 1};
  Sampler sampler(SamplerOptions{});
  EXPECT_EQ(sample(sampler, logits, mask).token, 64);
}

TEST(Sampler, AnEmptyChoiceIsAnError) {
  Sampler sampler(SamplerOptions{});
  std::vector<Candidate> scratch(2);
  const std::vector<std::uint64_t> none = {0};
  const auto sampled = sampler.sample(std::vector<float>{1, 2}, none, scratch);
  ASSERT_FALSE(sampled);
  EXPECT_EQ(sampled.error().kind, ErrorKind::kUsage);
}

TEST(Sampler, RefusesLogitsThatAreNotFinite) {
  Sampler sampler(plain());
  std::vector<Candidate> scratch(3);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(), -INFINITY}) {
    const auto sampled = sampler.sample(std::vector<float>{1, 2, bad}, {}, scratch);
    ASSERT_FALSE(sampled);
    EXPECT_EQ(sampled.error().kind, ErrorKind::kMalformed);
  }
}

TEST(Sampler, ProbabilityIsOfTheWholeSoftmax) {
  auto options = plain();
  options.top_k = 1;
  Sampler sampler(options);
  EXPECT_NEAR(sample(sampler, {std::log(0.6F), std::log(0.4F)}).probability, 0.6, 1e-6);
}

TEST(SamplerOptions, FieldsThatMakeNoSenseAreNamed) {
  const auto refused = [](SamplerOptions options, std::string_view name) {
    const auto result = check(options);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(result.error().message, HasSubstr(std::string(name)));
  };
  refused({.temperature = -1}, "temperature");
  refused({.temperature = std::nanf("")}, "temperature");
  refused({.temperature = 1e-9F}, "temperature");
  refused({.top_p = 1.5F}, "top-p");
  refused({.min_p = -0.1F}, "min-p");
  refused({.repetition_penalty = 0}, "repetition penalty");
  refused({.repetition_window = 5000}, "repetition window");
  EXPECT_TRUE(check(SamplerOptions{}));
  EXPECT_TRUE(check(plain()));
}

}  // namespace
}  // namespace linnet::engine
