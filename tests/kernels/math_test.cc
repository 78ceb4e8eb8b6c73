#include "kernels/math/math.h"

#include <limits>
#include <numbers>

#include <gtest/gtest.h>

namespace linnet::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The distance of `actual` from `exact` in units of the last place that a float near `exact` has.
double ulps(float actual, double exact) {
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::abs(static_cast<double>(actual) - exact) / std::ldexp(1.0, exponent - 23);
}

TEST(MathTest, ExpIsWithinOneUlpOverEveryFiniteResult) {
  double worst = 0.0;
  for (const std::uint32_t sign : {0U, 0x80000000U}) {
    // Every 251st float from 2^-40 to 104: 5 million.
    for (std::uint32_t bits = 0x2B800000U; bits < 0x42D00000U; bits += 251) {
      const auto x = std::bit_cast<float>(bits | sign);
      const double exact = std::exp(static_cast<double>(x));
      if (exact > static_cast<double>(std::numeric_limits<float>::max())) break;
      worst = std::max(worst, ulps(math::exp(x), exact));
    }
  }
  EXPECT_LT(worst, 1.0);
}

TEST(MathTest, ExpAtItsEnds) {
  EXPECT_EQ(math::exp(0.0F), 1.0F);
  EXPECT_EQ(math::exp(-0.0F), 1.0F);
  EXPECT_EQ(math::exp(-kInfinity), 0.0F);
  EXPECT_EQ(math::exp(-104.0F), 0.0F);
  EXPECT_EQ(math::exp(-1e30F), 0.0F);
  EXPECT_GT(math::exp(-103.0F), 0.0F);
  EXPECT_EQ(math::exp(kInfinity), kInfinity);
  EXPECT_EQ(math::exp(88.73F), kInfinity);
  EXPECT_LT(math::exp(88.72F), kInfinity);
  EXPECT_EQ(math::exp(std::numeric_limits<float>::quiet_NaN()), 0.0F);
}

TEST(MathTest, SiluAgreesWithDouble) {
  for (float x = -87.0F; x < 100.0F; x += 0.0137F) {
    const double exact = static_cast<double>(x) / (1.0 + std::exp(-static_cast<double>(x)));
    EXPECT_LT(ulps(math::silu(x), exact), 2.5) << x;
  }
  EXPECT_EQ(math::silu(0.0F), 0.0F);
  EXPECT_EQ(math::silu(1000.0F), 1000.0F);
  EXPECT_EQ(math::silu(-1000.0F), 0.0F);
  for (float x = -90.0F; x < 40.0F; x += 0.0173F) {
    EXPECT_LT(ulps(math::softplus(x), std::log1p(std::exp(static_cast<double>(x)))), 1.0) << x;
  }
  EXPECT_EQ(math::softplus(1e30F), 1e30F);
  EXPECT_EQ(math::softplus(-1e30F), math::softplus(-100.0F));
}

TEST(MathTest, SineAndCosineAgreeWithTheLibrary) {
  double worst = 0.0;
  const auto check = [&worst](double angle) {
    worst = std::max(worst, std::abs(math::sin(angle) - std::sin(angle)));
    worst = std::max(worst, std::abs(math::cos(angle) - std::cos(angle)));
  };
  for (double angle = -20.0; angle < 20.0; angle += 1.3e-5) check(angle);
  for (double angle = 0.0; angle < 1073741824.0; angle += 2741.0031) check(angle);
  // Where the reduction cancels most: near multiples of a quarter turn.
  for (int n = -200000; n < 200000; ++n) check(n * (std::numbers::pi / 2.0));
  EXPECT_LT(worst, 3e-16);
}

TEST(MathTest, PowerAgreesWithTheLibrary) {
  for (const double base : {2.0, 10000.0, 500000.0, 1e6, 1e7, 160000.0, 0.001}) {
    for (double exponent = -1.0; exponent <= 1.0; exponent += 1.0 / 1024) {
      const double exact = std::pow(base, exponent);
      EXPECT_LT(std::abs(math::power(base, exponent) - exact), 1e-14 * exact) << base << " ^ " << exponent;
    }
  }
  EXPECT_EQ(math::power(10000.0, 0.0), 1.0);
}

}  // namespace
}  // namespace linnet::kernels
