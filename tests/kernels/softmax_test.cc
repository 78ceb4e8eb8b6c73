#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Random;
using test::Unaligned;

TEST(SoftmaxMassTest, EveryVariantGivesTheScalarBitsAtEveryWidth) {
  Random random(29);
  for (std::size_t count = 1; count <= 70; ++count) {
    const Unaligned<float> logits(random.floats(count, 20.0F), 1);
    const float largest = *std::max_element(logits.data(), logits.data() + count);
    for (const float temperature : {1.0F, 0.7F}) {
      const float expected = test::definition(softmax_variants())->mass(logits.data(), count, largest, temperature);
      test::for_each_variant(softmax_variants(), [&](const Softmax* function) {
        ASSERT_EQ(function->mass(logits.data(), count, largest, temperature), expected) << count;
      });
    }
  }
}

TEST(SoftmaxMassTest, AgreesWithDoubleOverAVocabulary) {
  Random random(30);
  const auto logits = random.floats(151'936, 12.0F);
  const float largest = *std::max_element(logits.begin(), logits.end());
  double expected = 0;
  for (const float x : logits) expected += std::exp((static_cast<double>(x) - static_cast<double>(largest)) / 1.5);
  test::for_each_variant(softmax_variants(), [&](const Softmax* function) {
    const float mass = function->mass(logits.data(), logits.size(), largest, 1.5F);
    EXPECT_NEAR(static_cast<double>(mass), expected, 2e-5 * expected);
  });
}

TEST(LargestLogitTest, EveryVariantFindsTheFirstOfTheLargestAtEveryWidth) {
  Random random(31);
  test::for_each_variant(softmax_variants(), [&](const Softmax* function) {
    EXPECT_EQ(function->largest(nullptr, 0), 0U);
    for (std::size_t count = 1; count <= 200; ++count) {
      for (std::size_t at = 0; at < count; at += count < 70 ? 1 : 7) {
        std::vector<float> numbers = random.floats(count, 20.0F);
        const auto expected = static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin());
        ASSERT_EQ(function->largest(Unaligned<float>(numbers, 1).data(), count), expected);
        for (float& number : numbers) number = std::min(number, 5.0F);
        numbers[at] = 5;
        const auto first = static_cast<std::size_t>(std::ranges::find(numbers, 5.0F) - numbers.begin());
        ASSERT_EQ(function->largest(Unaligned<float>(numbers, 1).data(), count), first) << "of equals the first";
        for (float& number : numbers) number = -std::abs(number) - 30;
        numbers[at] = -20;
        ASSERT_EQ(function->largest(Unaligned<float>(numbers, 1).data(), count), at) << "all below 0";
        for (const float odd : {std::nanf(""), -std::nanf(""), INFINITY, -INFINITY}) {
          numbers[at] = odd;
          ASSERT_EQ(function->largest(Unaligned<float>(numbers, 1).data(), count), count) << odd << " at " << at;
        }
      }
    }
  });
}

TEST(LargestLogitTest, ZerosAndTheLargestFiniteNumbers) {
  test::for_each_variant(softmax_variants(), [&](const Softmax* function) {
    std::vector<float> numbers(100, -0.0F);
    numbers[70] = 0.0F;
    EXPECT_EQ(function->largest(numbers.data(), numbers.size()), 0U) << "-0 is as large as 0";
    numbers[50] = std::numeric_limits<float>::max();
    numbers[20] = std::numeric_limits<float>::lowest();
    EXPECT_EQ(function->largest(numbers.data(), numbers.size()), 50U);
  });
}

}  // namespace
}  // namespace linnet::kernels
