// Short convolutions and the gated delta rule: every variant against the definition, the definition against doubles.
#include "kernels/recurrence/recurrence.h"

#include <cmath>

#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Random;
using test::Unaligned;

// What a convolution leaves behind: its results for several tokens, and its past.
std::vector<float> convolved(const Recurrence* variant, std::size_t channels, std::size_t taps, std::size_t tokens) {
  Random random(40 + channels);
  const std::size_t stride = channels + 3;
  const Unaligned<float> weights(random.floats(channels * taps), 1);
  std::vector<float> past = random.floats((taps - 1) * stride);
  std::vector<float> all;
  for (std::size_t token = 0; token < tokens; ++token) {
    std::vector<float> numbers = random.floats(channels + 1, 3.0F);
    variant->convolve({past.data(), stride, weights.data(), taps, channels}, numbers.data());
    all.insert(all.end(), numbers.begin(), numbers.end());
  }
  all.insert(all.end(), past.begin(), past.end());
  return all;
}

TEST(ConvolutionTest, EveryVariantGivesTheScalarBits) {
  for (const std::size_t channels : {1U, 3U, 4U, 7U, 8U, 9U, 16U, 31U, 70U}) {
    for (const std::size_t taps : {2U, 3U, 4U, 16U}) {
      const auto expected = convolved(test::definition(recurrence_variants()), channels, taps, 5);
      test::for_each_variant(recurrence_variants(), [&](const Recurrence* variant) {
        ASSERT_TRUE(test::same_bits(convolved(variant, channels, taps, 5), expected)) << channels << " " << taps;
      });
    }
  }
}

TEST(ConvolutionTest, AgreesWithDoubleOverAWholeText) {
  constexpr std::size_t kTokens = 12;
  constexpr std::size_t kTaps = 4;
  Random random(41);
  const auto text = random.floats(kTokens);
  const auto weights = random.floats(kTaps);
  std::vector<float> past(kTaps - 1, 0.0F);
  for (std::size_t t = 0; t < kTokens; ++t) {
    double sum = 0;
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      if (t + tap + 1 >= kTaps) sum += double{weights[tap]} * double{text[t + tap + 1 - kTaps]};
    }
    float number = text[t];
    test::definition(recurrence_variants())->convolve({past.data(), 1, weights.data(), kTaps, 1}, &number);
    EXPECT_NEAR(double{number}, sum / (1 + std::exp(-sum)), 1e-6);
  }
}

struct Head {
  std::vector<float> state, query, key, value;
};

Head random_head(std::size_t key_width, std::size_t value_width, std::uint32_t seed) {
  Random random(seed);
  return {random.floats(key_width * value_width), random.floats(key_width), random.floats(key_width),
          random.floats(value_width)};
}

std::vector<float> stepped(const Recurrence* variant, Head head, std::size_t value_width) {
  std::vector<float> out(value_width + 1, -1.0F);
  const DeltaStep step{head.state.data(),
                       head.query.data(),
                       head.key.data(),
                       head.value.data(),
                       head.key.size(),
                       value_width,
                       0.9F,
                       0.7F};
  variant->delta(step, out.data());
  out.insert(out.end(), head.state.begin(), head.state.end());
  return out;
}

TEST(DeltaTest, EveryVariantGivesTheScalarBits) {
  for (const std::size_t key_width : {1U, 5U, 16U, 33U}) {
    for (const std::size_t value_width : {1U, 3U, 4U, 7U, 8U, 13U, 16U, 32U, 45U, 100U}) {
      const Head head = random_head(key_width, value_width, 42);
      const auto expected = stepped(test::definition(recurrence_variants()), head, value_width);
      test::for_each_variant(recurrence_variants(), [&](const Recurrence* variant) {
        ASSERT_TRUE(test::same_bits(stepped(variant, head, value_width), expected)) << key_width << " " << value_width;
      });
    }
  }
}

// The paper's form: S = decay S (I - rate k k^T) + rate v k^T, out = S q.
TEST(DeltaTest, AgreesWithDouble) {
  constexpr std::size_t kWidth = 24;
  const Head head = random_head(kWidth, kWidth, 43);
  const auto got = stepped(test::definition(recurrence_variants()), head, kWidth);
  for (std::size_t c = 0; c < kWidth; ++c) {
    double held = 0;
    for (std::size_t i = 0; i < kWidth; ++i) held += 0.9 * double{head.state[i * kWidth + c]} * double{head.key[i]};
    double out = 0;
    for (std::size_t i = 0; i < kWidth; ++i) {
      const double next = 0.9 * double{head.state[i * kWidth + c]} - 0.7 * held * double{head.key[i]} +
                          0.7 * double{head.value[c]} * double{head.key[i]};
      EXPECT_NEAR(double{got[kWidth + 1 + i * kWidth + c]}, next, 2e-5);
      out += next * double{head.query[i]};
    }
    EXPECT_NEAR(double{got[c]}, out, 1e-4);
  }
  EXPECT_EQ(got[kWidth], -1.0F) << "it wrote past its output";
}

}  // namespace
}  // namespace linnet::kernels
