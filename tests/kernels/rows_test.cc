// The families that work on one row: norm, rotation, elementwise operations, conversion, the mass of a softmax.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/convert/convert.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/formats/half.h"
#include "kernels/norm/norm.h"
#include "kernels/rotate/rotate.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Guarded;
using test::Random;
using test::Unaligned;

constexpr float kOddNumbers[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                                 std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::max(), -0.0F};

TEST(NormTest, EveryVariantGivesTheScalarBits) {
  Random random(14);
  for (std::size_t width = 1; width <= 70; ++width) {
    const Unaligned<float> in(random.floats(width, 10.0F), 1);
    const Unaligned<float> weight(random.floats(width), 3);
    const auto run = [&](RmsNorm function) {
      Guarded<float> out(width, 1);
      function(in.data(), weight.data(), 1e-5F, width, out.data());
      EXPECT_TRUE(out.intact());
      return out.content();
    };
    const auto expected = run(test::definition(rms_norm_variants()));
    test::for_each_variant(rms_norm_variants(),
                           [&](RmsNorm function) { ASSERT_TRUE(test::same_bits(run(function), expected)) << width; });
  }
}

TEST(NormTest, AgreesWithDoubleAlsoInPlace) {
  Random random(15);
  const std::size_t width = 1000;
  const auto in = random.floats(width, 10.0F);
  const auto weight = random.floats(width);
  double squares = 0.0;
  for (const float x : in) squares += static_cast<double>(x) * static_cast<double>(x);
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + 1e-6);
  test::for_each_variant(rms_norm_variants(), [&](RmsNorm function) {
    std::vector<float> out = in;
    function(out.data(), weight.data(), 1e-6F, width, out.data());
    for (std::size_t i = 0; i < width; ++i) {
      const double expected = static_cast<double>(in[i]) * inverse * static_cast<double>(weight[i]);
      EXPECT_NEAR(static_cast<double>(out[i]), expected, 1e-6 * std::abs(expected));
    }
  });
}

TEST(LayerNormTest, EveryVariantGivesTheScalarBitsAtEveryWidth) {
  Random random(27);
  for (std::size_t width = 1; width <= 70; ++width) {
    const Unaligned<float> in(random.floats(width, 10.0F), 1);
    const Unaligned<float> weight(random.floats(width), 3);
    const Unaligned<float> bias(random.floats(width), 2);
    const auto run = [&](LayerNorm function) {
      Guarded<float> out(width, 1);
      function(in.data(), weight.data(), bias.data(), 1e-5F, width, out.data());
      EXPECT_TRUE(out.intact());
      return out.content();
    };
    const auto expected = run(test::definition(layer_norm_variants()));
    test::for_each_variant(layer_norm_variants(),
                           [&](LayerNorm function) { ASSERT_TRUE(test::same_bits(run(function), expected)) << width; });
  }
}

TEST(LayerNormTest, AgreesWithDoubleAlsoInPlace) {
  Random random(28);
  const std::size_t width = 1000;
  auto in = random.floats(width, 10.0F);
  for (float& x : in) x += 3.0F;
  const auto weight = random.floats(width);
  const auto bias = random.floats(width);
  double mean = 0.0;
  for (const float x : in) mean += static_cast<double>(x) / static_cast<double>(width);
  double variance = 0.0;
  for (const float x : in) variance += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean) / 1000.0;
  test::for_each_variant(layer_norm_variants(), [&](LayerNorm function) {
    std::vector<float> out = in;
    function(out.data(), weight.data(), bias.data(), 1e-6F, width, out.data());
    for (std::size_t i = 0; i < width; ++i) {
      const double scaled = (static_cast<double>(in[i]) - mean) / std::sqrt(variance + 1e-6);
      EXPECT_NEAR(static_cast<double>(out[i]), scaled * static_cast<double>(weight[i]) + static_cast<double>(bias[i]),
                  2e-6);
    }
  });
}

TEST(UnitNormTest, EveryVariantGivesTheScalarBitsAndTheLength) {
  Random random(29);
  for (std::size_t width = 1; width <= 70; ++width) {
    const auto in = random.floats(width, 10.0F);
    const auto run = [&](UnitNorm function) {
      Guarded<float> row(in, 1);
      function(row.data(), 1e-6F, 0.25F, width);
      EXPECT_TRUE(row.intact());
      return row.content();
    };
    const auto expected = run(test::definition(unit_norm_variants()));
    double squares = 0;
    for (const float x : expected) squares += double{x} * double{x};
    EXPECT_NEAR(std::sqrt(squares), 0.25, 1e-6);
    test::for_each_variant(unit_norm_variants(),
                           [&](UnitNorm function) { ASSERT_TRUE(test::same_bits(run(function), expected)) << width; });
  }
}

TEST(NormTest, InputsThatAreNotFiniteTrapNothing) {
  for (const float odd : kOddNumbers) {
    test::for_each_variant(rms_norm_variants(), [&](RmsNorm function) {
      std::vector<float> row(19, odd);
      function(row.data(), row.data(), 1e-6F, row.size(), row.data());
    });
    test::for_each_variant(layer_norm_variants(), [&](LayerNorm function) {
      std::vector<float> row(19, odd);
      function(row.data(), row.data(), row.data(), 1e-6F, row.size(), row.data());
    });
  }
}

// One head of `heads`, turned about angles 0.1, 0.2, … by either order.
std::vector<float> rotated(RotateFunction function, const std::vector<float>& row, std::size_t heads,
                           std::size_t head_width, std::size_t pairs) {
  std::vector<float> cosines(pairs);
  std::vector<float> sines(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    cosines[i] = static_cast<float>(std::cos(0.1 * static_cast<double>(i + 1)));
    sines[i] = static_cast<float>(std::sin(0.1 * static_cast<double>(i + 1)));
  }
  const Unaligned<float> some_cosines(cosines, 1);
  const Unaligned<float> some_sines(sines, 2);
  Guarded<float> in_out(row, 1);
  function(in_out.data(), heads, head_width, some_cosines.data(), some_sines.data(), pairs);
  EXPECT_TRUE(in_out.intact());
  return in_out.content();
}

TEST(RotateTest, EveryVariantGivesTheScalarBits) {
  Random random(16);
  for (const std::size_t pairs : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 16U, 20U, 32U, 35U, 64U}) {
    for (const std::size_t rest : {0U, 1U, 6U}) {
      const std::size_t head_width = 2 * pairs + rest;
      const auto row = random.floats(3 * head_width);
      const Rotate* const scalar = test::definition(rotate_variants());
      const auto halves = rotated(scalar->halves, row, 3, head_width, pairs);
      const auto interleaved = rotated(scalar->interleaved, row, 3, head_width, pairs);
      test::for_each_variant(rotate_variants(), [&](const Rotate* variant) {
        ASSERT_TRUE(test::same_bits(rotated(variant->halves, row, 3, head_width, pairs), halves)) << pairs;
        ASSERT_TRUE(test::same_bits(rotated(variant->interleaved, row, 3, head_width, pairs), interleaved)) << pairs;
      });
    }
  }
}

TEST(RotateTest, TurnsThePairsOfItsOrderAndNoOthers) {
  const std::vector<float> row{1.0F, 2.0F, 3.0F, 4.0F, 5.0F};
  const auto turned = [](double a, double b, double angle) {
    return std::pair{a * std::cos(angle) - b * std::sin(angle), b * std::cos(angle) + a * std::sin(angle)};
  };
  const Rotate* const scalar = test::definition(rotate_variants());
  const auto halves = rotated(scalar->halves, row, 1, 5, 2);
  EXPECT_NEAR(static_cast<double>(halves[0]), turned(1, 3, 0.1).first, 1e-6);
  EXPECT_NEAR(static_cast<double>(halves[2]), turned(1, 3, 0.1).second, 1e-6);
  EXPECT_NEAR(static_cast<double>(halves[1]), turned(2, 4, 0.2).first, 1e-6);
  EXPECT_EQ(halves[4], 5.0F);
  const auto interleaved = rotated(scalar->interleaved, row, 1, 5, 2);
  EXPECT_NEAR(static_cast<double>(interleaved[0]), turned(1, 2, 0.1).first, 1e-6);
  EXPECT_NEAR(static_cast<double>(interleaved[1]), turned(1, 2, 0.1).second, 1e-6);
  EXPECT_NEAR(static_cast<double>(interleaved[3]), turned(3, 4, 0.2).second, 1e-6);
  EXPECT_EQ(interleaved[4], 5.0F);
}

TEST(RotateTest, AnglesAreThoseOfThePaper) {
  std::vector<double> frequencies(32);
  const std::vector<float> factors(32, 4.0F);
  for (const double base : {10000.0, 500000.0, 1e6}) {
    fill_frequencies(base, 32, nullptr, frequencies.data());
    for (std::size_t i = 0; i < 32; ++i) {
      const double expected = std::pow(base, -2.0 * static_cast<double>(i) / 64.0);
      EXPECT_NEAR(frequencies[i], expected, 1e-14 * expected);
    }
    fill_frequencies(base, 32, factors.data(), frequencies.data());
    EXPECT_NEAR(frequencies[3], std::pow(base, -6.0 / 64.0) / 4.0, 1e-14);
    std::vector<float> cosines(32);
    std::vector<float> sines(32);
    fill_rotation(100000, frequencies.data(), 32, cosines.data(), sines.data());
    for (std::size_t i = 0; i < 32; ++i) {
      EXPECT_NEAR(static_cast<double>(cosines[i]), std::cos(1e5 * frequencies[i]), 1e-7);
      EXPECT_NEAR(static_cast<double>(sines[i]), std::sin(1e5 * frequencies[i]), 1e-7);
    }
  }
}

struct ElementwiseResults {
  std::vector<float> silu;
  std::vector<float> sum;
  std::vector<float> scaled;
  std::vector<float> gelu;
  std::vector<float> gated;
  std::vector<float> clamped;
};

ElementwiseResults run(const Elementwise& functions, const std::vector<float>& a, const std::vector<float>& b) {
  const Unaligned<float> x(a, 1);
  const Unaligned<float> y(b, 3);
  Guarded<float> out(a.size(), 1);
  ElementwiseResults results;
  functions.silu_multiply(x.data(), y.data(), out.data(), a.size());
  results.silu = out.content();
  functions.add(x.data(), y.data(), out.data(), a.size());
  results.sum = out.content();
  functions.scale(x.data(), 0.3F, out.data(), a.size());
  results.scaled = out.content();
  functions.gelu(x.data(), out.data(), a.size());
  results.gelu = out.content();
  functions.sigmoid_multiply(x.data(), y.data(), out.data(), a.size());
  results.gated = out.content();
  functions.clamped_swiglu(x.data(), y.data(), {1.7F, 5.0F}, out.data(), a.size());
  results.clamped = out.content();
  EXPECT_TRUE(out.intact());
  return results;
}

TEST(ElementwiseTest, EveryVariantGivesTheScalarBits) {
  Random random(17);
  for (std::size_t count = 0; count <= 40; ++count) {
    for (const float magnitude : {1.0F, 120.0F, 1e30F}) {
      const auto a = random.floats(count, magnitude);
      const auto b = random.floats(count, magnitude);
      const auto expected = run(*test::definition(elementwise_variants()), a, b);
      test::for_each_variant(elementwise_variants(), [&](const Elementwise* variant) {
        const auto actual = run(*variant, a, b);
        ASSERT_TRUE(test::same_bits(actual.silu, expected.silu)) << count;
        ASSERT_TRUE(test::same_bits(actual.sum, expected.sum)) << count;
        ASSERT_TRUE(test::same_bits(actual.scaled, expected.scaled)) << count;
        ASSERT_TRUE(test::same_bits(actual.gelu, expected.gelu)) << count;
        ASSERT_TRUE(test::same_bits(actual.gated, expected.gated)) << count;
        ASSERT_TRUE(test::same_bits(actual.clamped, expected.clamped)) << count;
      });
    }
  }
}

TEST(ElementwiseTest, GatesAgreeWithDouble) {
  Random random(30);
  const auto a = random.floats(1000, 8.0F);
  const auto b = random.floats(1000, 8.0F);
  const auto results = run(*test::definition(elementwise_variants()), a, b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double gated = double{b[i]} / (1 + std::exp(-double{a[i]}));
    EXPECT_NEAR(double{results.gated[i]}, gated, 1e-6 * std::abs(gated) + 1e-7);
    const double g = std::min(double{a[i]}, 5.0);
    const double u = std::clamp(double{b[i]}, -5.0, 5.0);
    const double clamped = (u + 1) * g / (1 + std::exp(-double{1.7F} * g));
    EXPECT_NEAR(double{results.clamped[i]}, clamped, 2e-6 * std::abs(clamped) + 1e-7);
  }
}

TEST(ElementwiseTest, EveryVariantHasTheScalarExponentialOverItsWholeRange) {
  std::vector<float> gate;
  for (const std::uint32_t sign : {0U, 0x80000000U}) {
    // Every 997th float from 2^-20 to 112.
    for (std::uint32_t bits = 0x35800000U; bits < 0x42E00000U; bits += 997) {
      gate.push_back(std::bit_cast<float>(bits | sign));
    }
  }
  const std::vector<float> ones(gate.size(), 1.0F);
  std::vector<float> expected(gate.size());
  test::definition(elementwise_variants())->silu_multiply(gate.data(), ones.data(), expected.data(), gate.size());
  test::for_each_variant(elementwise_variants(), [&](const Elementwise* variant) {
    std::vector<float> actual(gate.size());
    variant->silu_multiply(gate.data(), ones.data(), actual.data(), gate.size());
    EXPECT_TRUE(test::same_bits(actual, expected));
  });
}

TEST(ElementwiseTest, GeluAgreesWithTheErrorFunction) {
  std::vector<float> in;
  for (float x = -12.0F; x <= 12.0F; x += 0.0007F) in.push_back(x);
  std::vector<float> out(in.size());
  test::definition(elementwise_variants())->gelu(in.data(), out.data(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto x = static_cast<double>(in[i]);
    EXPECT_NEAR(static_cast<double>(out[i]), x * 0.5 * std::erfc(-x / std::sqrt(2.0)), 2e-7 * (1.0 + std::abs(x)));
  }
}

TEST(ElementwiseTest, AgreesWithDouble) {
  Random random(18);
  const auto a = random.floats(5000, 30.0F);
  const auto b = random.floats(5000, 4.0F);
  const auto out = run(*test::definition(elementwise_variants()), a, b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]);
    const auto y = static_cast<double>(b[i]);
    const double expected = x / (1.0 + std::exp(-x)) * y;
    EXPECT_NEAR(static_cast<double>(out.silu[i]), expected, 4e-7 * std::abs(expected) + 1e-38);
    EXPECT_EQ(out.sum[i], static_cast<float>(x + y));
    EXPECT_EQ(out.scaled[i], static_cast<float>(x * static_cast<double>(0.3F)));
  }
}

TEST(ElementwiseTest, InputsThatAreNotFiniteTrapNothing) {
  for (const float odd : kOddNumbers) {
    test::for_each_variant(elementwise_variants(), [&](const Elementwise* variant) {
      run(*variant, std::vector<float>(11, odd), std::vector<float>(11, odd));
    });
  }
}

// All 65,536 halves, and for every pair of neighbours the point between them and the floats next to it: every place
// where rounding could go wrong.
TEST(ConvertTest, EveryVariantConvertsEveryHalfAndRoundsEveryMiddle) {
  std::vector<std::uint16_t> halves(65536);
  std::vector<float> floats;
  for (std::uint32_t h = 0; h < 65536; ++h) {
    halves[h] = static_cast<std::uint16_t>(h);
    const float here = f16_to_f32(halves[h]);
    floats.push_back(here);
    if ((h & 0x7FFFU) >= 0x7C00U) continue;
    const double next = (h & 0x7FFFU) == 0x7BFFU ? std::copysign(65536.0, static_cast<double>(here))
                                                 : static_cast<double>(f16_to_f32(static_cast<std::uint16_t>(h + 1)));
    const auto middle = static_cast<float>((static_cast<double>(here) + next) / 2.0);
    floats.insert(floats.end(), {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, middle * 2.0F)});
  }
  floats.push_back(1.0F);  // Not a multiple of 8.
  halves.push_back(0x3C00);
  const Convert* const scalar = test::definition(convert_variants());
  std::vector<float> wide(halves.size());
  std::vector<std::uint16_t> narrow(floats.size());
  scalar->from_f16(halves.data(), wide.data(), halves.size());
  scalar->to_f16(floats.data(), narrow.data(), floats.size());
  test::for_each_variant(convert_variants(), [&](const Convert* variant) {
    Guarded<float> from(halves.size(), 1);
    variant->from_f16(halves.data(), from.data(), halves.size());
    EXPECT_TRUE(test::same_bits(from.content(), wide));
    Guarded<std::uint16_t> to(floats.size(), 1);
    variant->to_f16(floats.data(), to.data(), floats.size());
    EXPECT_TRUE(test::same_bits(to.content(), narrow));
    EXPECT_TRUE(from.intact() && to.intact());
  });
}

}  // namespace
}  // namespace linnet::kernels
