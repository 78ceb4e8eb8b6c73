#include "kernels/quantize/quantize.h"

#include <cmath>
#include <limits>
#include <span>

#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Guarded;
using test::Random;
using test::Unaligned;

struct Quantised {
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
};

// In order, one term behind the other.
Quantised quantise(Quantize function, const std::vector<float>& floats, std::size_t terms = 1, std::size_t joined = 1) {
  const Unaligned<float> in(floats, 1);
  const std::size_t blocks = floats.size() / kActivationBlock;
  Guarded<std::int8_t> values(terms * floats.size(), 3);
  Guarded<float> scales(terms * blocks);
  Guarded<std::int32_t> sums(terms * blocks);
  std::vector<Q8Row> rows;
  for (std::size_t t = 0; t < terms; ++t) {
    rows.push_back({values.data() + t * floats.size(), scales.data() + t * blocks, sums.data() + t * blocks, 1});
  }
  function(in.data(), floats.size(), joined, rows.data(), terms);
  EXPECT_TRUE(values.intact() && scales.intact() && sums.intact()) << "wrote beyond the output";
  return {values.content(), scales.content(), sums.content()};
}

void expect_same_for_all_variants(const std::vector<float>& floats, std::size_t joined, std::size_t terms) {
  const Quantised expected = quantise(test::definition(quantize_variants()), floats, terms, joined);
  test::for_each_variant(quantize_variants(), [&](Quantize function) {
    const Quantised actual = quantise(function, floats, terms, joined);
    ASSERT_TRUE(test::same_bits(actual.values, expected.values));
    ASSERT_TRUE(test::same_bits(actual.scales, expected.scales));
    ASSERT_TRUE(test::same_bits(actual.sums, expected.sums));
  });
}

// However many blocks are joined.
void expect_same_for_all_variants(const std::vector<float>& floats) {
  for (const std::size_t joined : {1U, 2U, 4U}) {
    if (floats.size() % (joined * kActivationBlock) != 0) continue;
    for (std::size_t terms = 1; terms <= kMostTerms; ++terms) expect_same_for_all_variants(floats, joined, terms);
  }
}

TEST(QuantizeTest, EveryVariantGivesTheScalarBits) {
  Random random(6);
  for (const std::size_t columns : {32U, 64U, 96U, 128U, 1024U}) {
    for (const float magnitude : {0x1p-149F, 0x1p-126F, 0x1p-119F, 1e-20F, 0.01F, 1.0F, 300.0F, 1e30F, 0x1p127F}) {
      SCOPED_TRACE(testing::Message() << columns << " numbers below " << magnitude);
      expect_same_for_all_variants(random.floats(columns, magnitude));
    }
  }
}

// Rows in tiles hold what each gives alone, every number once.
TEST(QuantizeTest, TilesHoldEachRowsBlocksAndNothingElse) {
  constexpr std::size_t kBlocks = 3;
  constexpr std::size_t kColumns = kBlocks * kActivationBlock;
  for (const std::size_t rows : {1U, 7U, 8U, 13U, 16U}) {
    Random random(9);
    const auto floats = random.floats(rows * kColumns);
    test::for_each_variant(quantize_variants(), [&](Quantize function) {
      Guarded<std::int8_t> values(floats.size());
      Guarded<float> scales(rows * kBlocks);
      Guarded<std::int32_t> sums(rows * kBlocks);
      std::vector<int> seen(rows * kBlocks);
      for (std::size_t r = 0; r < rows; ++r) {
        const Q8Place place = q8_place(r, rows, kBlocks);
        const Q8Row row = q8_row({values.data(), scales.data(), sums.data(), 1}, place);
        function(floats.data() + r * kColumns, kColumns, 1, &row, 1);
        for (std::size_t b = 0; b < kBlocks; ++b) ++seen.at(place.first + b * place.stride);
      }
      EXPECT_TRUE(values.intact() && scales.intact() && sums.intact()) << "wrote beyond the output";
      EXPECT_EQ(seen, std::vector<int>(rows * kBlocks, 1));
      for (std::size_t r = 0; r < rows; ++r) {
        const auto first = floats.begin() + static_cast<std::ptrdiff_t>(r * kColumns);
        const auto alone = quantise(function, {first, first + kColumns});
        const Q8Place place = q8_place(r, rows, kBlocks);
        for (std::size_t b = 0; b < kBlocks; ++b) {
          const std::size_t number = place.first + b * place.stride;
          ASSERT_EQ(scales.content()[number], alone.scales[b]);
          ASSERT_EQ(sums.content()[number], alone.sums[b]);
          for (std::size_t i = 0; i < kActivationBlock; ++i) {
            ASSERT_EQ(values.content()[place.value(b, i)], alone.values[b * kActivationBlock + i]);
          }
        }
      }
    });
  }
}

TEST(QuantizeTest, TiesGoToEven) {
  std::vector<float> floats(32);
  for (std::size_t i = 0; i < 32; ++i) floats[i] = static_cast<float>(i) - 15.5F;
  floats[0] = 127.0F;  // So that scale and inverse are 1.
  expect_same_for_all_variants(floats);
  const auto quantised = quantise(test::definition(quantize_variants()), floats);
  EXPECT_EQ(quantised.scales[0], 1.0F);
  EXPECT_EQ(quantised.values[14], -2);  // -1.5
  EXPECT_EQ(quantised.values[15], 0);   // -0.5
  EXPECT_EQ(quantised.values[16], 0);   // 0.5
  EXPECT_EQ(quantised.values[17], 2);   // 1.5
  EXPECT_EQ(quantised.values[18], 2);   // 2.5
}

TEST(QuantizeTest, ErrorsAreAtMostHalfAStep) {
  Random random(7);
  const auto floats = random.floats(320, 5.0F);
  const auto quantised = quantise(test::definition(quantize_variants()), floats);
  for (std::size_t b = 0; b < 10; ++b) {
    std::int32_t sum = 0;
    std::int32_t largest = 0;
    for (std::size_t i = 32 * b; i < 32 * b + 32; ++i) {
      const std::int32_t value = quantised.values[i];
      sum += value;
      largest = std::max(largest, std::abs(value));
      EXPECT_NEAR(static_cast<double>(value) * static_cast<double>(quantised.scales[b]), static_cast<double>(floats[i]),
                  0.50001 * static_cast<double>(quantised.scales[b]));
    }
    EXPECT_EQ(sum, quantised.sums[b]);
    EXPECT_EQ(largest, 127);
  }
}

TEST(QuantizeTest, JoinedBlocksHaveOneScale) {
  Random random(11);
  const auto floats = random.floats(512, 5.0F);
  for (const std::size_t joined : {2U, 4U}) {
    const auto quantised = quantise(test::definition(quantize_variants()), floats, 1, joined);
    for (std::size_t b = 0; b < floats.size() / kActivationBlock; ++b) {
      float largest = 0.0F;
      for (const float x :
           std::span(floats).subspan(b / joined * joined * kActivationBlock, joined * kActivationBlock)) {
        largest = std::max(largest, std::abs(x));
      }
      ASSERT_EQ(quantised.scales[b], largest / 127.0F);
      std::int32_t sum = 0;
      for (std::size_t i = b * kActivationBlock; i < (b + 1) * kActivationBlock; ++i) {
        ASSERT_EQ(quantised.values[i], std::nearbyint(floats[i] * (127.0F / largest)));
        sum += quantised.values[i];
      }
      ASSERT_EQ(quantised.sums[b], sum);
    }
  }
}

// What two terms leave is 254 times less, and the first is what it is alone.
TEST(QuantizeTest, ASecondTermIsTheFirstsRemainder) {
  Random random(10);
  const auto floats = random.floats(320, 5.0F);
  const auto one = quantise(test::definition(quantize_variants()), floats);
  const auto two = quantise(test::definition(quantize_variants()), floats, 2);
  ASSERT_TRUE(std::equal(one.values.begin(), one.values.end(), two.values.begin()));
  ASSERT_TRUE(std::equal(one.scales.begin(), one.scales.end(), two.scales.begin()));
  for (std::size_t i = 0; i < floats.size(); ++i) {
    const auto term = [&](std::size_t t) {
      return static_cast<double>(two.values[t * floats.size() + i]) *
             static_cast<double>(two.scales[t * one.scales.size() + i / kActivationBlock]);
    };
    const auto step = static_cast<double>(one.scales[i / kActivationBlock]);
    ASSERT_NEAR(term(0) + term(1), static_cast<double>(floats[i]), 0.50001 * step / 254 + 1e-7 * 5) << "at " << i;
  }
}

TEST(QuantizeTest, ZerosAndTinyBlocksAreZero) {
  for (const float x : {0.0F, -0.0F, 0x1p-149F, 0x1p-121F}) {
    expect_same_for_all_variants(std::vector<float>(64, x));
    const auto quantised = quantise(test::definition(quantize_variants()), std::vector<float>(64, x));
    EXPECT_EQ(quantised.scales, std::vector<float>(2, 0.0F));
    EXPECT_EQ(quantised.values, std::vector<std::int8_t>(64, 0));
  }
}

TEST(QuantizeTest, InputsThatAreNotFiniteTrapNothing) {
  Random random(8);
  for (const float odd : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::max()}) {
    auto floats = random.floats(96);
    floats[40] = odd;
    test::for_each_variant(quantize_variants(),
                           [&](Quantize function) { EXPECT_EQ(quantise(function, floats, 2).values.size(), 192U); });
  }
}

}  // namespace
}  // namespace linnet::kernels
