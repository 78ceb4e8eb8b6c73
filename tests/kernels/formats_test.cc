#include "kernels/formats/format.h"

#include <cmath>
#include <fstream>
#include <limits>

#include "kernels/formats/half.h"
#include "kernels/formats/q4_0.h"
#include "kernels/formats/q8_0.h"
#include "tests/kernels/fixtures.h"
#include "tests/source_tree.h"

namespace linnet::kernels {
namespace {

using test::Random;

// The value of 16 bits with `exponent_bits` and `mantissa_bits`, by the standard's definition.
double value_of(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const auto exponent = static_cast<int>((bits >> mantissa_bits) & ((1U << exponent_bits) - 1U));
  const double mantissa = std::ldexp(static_cast<double>(bits & ((1U << mantissa_bits) - 1U)), -mantissa_bits);
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1.0 + mantissa, exponent - bias);
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

// Every pair of neighbours: each is its own rounding, their middle goes to the even one, floats beside it to the
// nearer.
template <class Narrow>
void expect_nearest(Narrow narrow, std::uint32_t infinity, int exponent_bits, int mantissa_bits) {
  for (const std::uint32_t sign : {0U, 0x8000U}) {
    for (std::uint32_t h = sign; h < sign + infinity; ++h) {
      const double here = value_of(h, exponent_bits, mantissa_bits);
      // Past the largest number the next step would be a power of two: from its middle on, infinity.
      const double next = value_of(h + 1, exponent_bits, mantissa_bits);
      const auto middle = static_cast<float>((here + next) / 2.0);
      ASSERT_EQ(narrow(static_cast<float>(here)), h);
      ASSERT_EQ(narrow(middle), h % 2 == 0 ? h : h + 1);
      ASSERT_EQ(narrow(std::nextafter(middle, 0.0F)), h);
      ASSERT_EQ(narrow(std::nextafter(middle, sign == 0 ? INFINITY : -INFINITY)), h + 1);
    }
  }
}

TEST(HalfTest, EveryF16WidensExactly) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(h));
    if ((h & 0x7FFFU) > 0x7C00U) {
      ASSERT_TRUE(std::isnan(value));
    } else if ((h & 0x7FFFU) == 0x7C00U) {
      ASSERT_EQ(value, (h & 0x8000U) != 0 ? -INFINITY : INFINITY);
    } else {
      ASSERT_EQ(static_cast<double>(value), value_of(h, 5, 10));
      ASSERT_EQ(std::signbit(value), (h & 0x8000U) != 0);
    }
  }
}

TEST(HalfTest, EveryBF16WidensExactly) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const float value = bf16_to_f32(static_cast<std::uint16_t>(h));
    if ((h & 0x7F80U) != 0x7F80U) {
      ASSERT_EQ(static_cast<double>(value), value_of(h, 8, 7));
    }
  }
}

TEST(HalfTest, FloatsRoundToTheNearestF16) { expect_nearest(f32_to_f16, 0x7C00, 5, 10); }

// The middle beyond the largest BF16 is no float: the last neighbours are left out.
TEST(HalfTest, FloatsRoundToTheNearestBF16) { expect_nearest(f32_to_bf16, 0x7F7F, 8, 7); }

TEST(HalfTest, SpecialNumbersStaySpecial) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(nan))));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(nan))));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001U)))));
  EXPECT_EQ(f32_to_f16(infinity), 0x7C00);
  EXPECT_EQ(f32_to_f16(-infinity), 0xFC00);
  EXPECT_EQ(f32_to_f16(1e30F), 0x7C00);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(1e-30F), 0);
  EXPECT_EQ(f32_to_bf16(infinity), 0x7F80);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
}

TEST(FormatTest, SizesAreThoseOfGguf) {
  EXPECT_EQ(row_bytes(Format::kF32, 7), 28U);
  EXPECT_EQ(row_bytes(Format::kBF16, 7), 14U);
  EXPECT_EQ(row_bytes(Format::kQ8_0, 64), 68U);
  EXPECT_EQ(row_bytes(Format::kQ4_0, 64), 36U);
  EXPECT_EQ(row_bytes(Format::kQ4_1, 64), 40U);
  EXPECT_EQ(panel_bytes(Format::kQ4_0, 17, 64), 2U * 2 * 288);
  for (const Format format : all_formats()) EXPECT_EQ(info(format).format, format);
}

class PanelTest : public testing::TestWithParam<Format> {};

TEST_P(PanelTest, UnpackInvertsPack) {
  Random random(20);
  for (const std::size_t columns : {32U, 64U, 288U}) {
    for (std::size_t rows = 1; rows <= 35; ++rows) {
      const auto original = random.bytes(rows * row_bytes(GetParam(), columns));
      const auto panels = test::packed(GetParam(), original, rows, columns);
      std::vector<std::byte> back(original.size());
      unpack_panels(GetParam(), panels.data(), rows, columns, back.data());
      ASSERT_EQ(back, original) << rows << " rows";
    }
  }
}

TEST_P(PanelTest, PaddingIsZeroBytesEvenOverOldContent) {
  Random random(21);
  const auto original = random.bytes(3 * row_bytes(GetParam(), 32));
  std::vector<std::byte> panels(panel_bytes(GetParam(), 3, 32), std::byte{0xEE});
  pack_panels(GetParam(), original.data(), 3, 32, panels.data());
  EXPECT_EQ(panels, test::packed(GetParam(), original, 3, 32));
}

TEST_P(PanelTest, PanelRowsDequantiseAsRowsDo) {
  Random random(22);
  const auto rows = test::random_rows(random, GetParam(), 21, 96);
  const auto panels = test::packed(GetParam(), rows, 21, 96);
  std::vector<float> expected(96);
  std::vector<float> actual(96);
  for (std::size_t r = 0; r < 21; ++r) {
    dequantize_row(GetParam(), rows.data() + r * row_bytes(GetParam(), 96), 96, expected.data());
    dequantize_panel_row(GetParam(), panels.data(), r, 96, actual.data());
    ASSERT_TRUE(test::same_bits(actual, expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, PanelTest, testing::ValuesIn(test::kPanelFormats), test::format_name);

// Packed files outlive this code: the places are those that ARCHITECTURE.md promises.
TEST(PanelLayoutTest, Q8_0) {
  Random random(23);
  const auto rows = random.bytes(16 * sizeof(Q8_0Block));
  const auto panel = test::packed(Format::kQ8_0, rows, 16, 32);
  for (std::size_t r = 0; r < 16; ++r) {
    const std::byte* const block = rows.data() + r * 34;
    EXPECT_EQ(panel[2 * r], block[0]);
    EXPECT_EQ(panel[2 * r + 1], block[1]);
    for (std::size_t column = 0; column < 32; ++column) {
      EXPECT_EQ(panel[32 + 64 * (column / 4) + 4 * r + column % 4], block[2 + column]);
    }
  }
}

TEST(PanelLayoutTest, Q4_0AndQ4_1) {
  Random random(24);
  for (const auto& [format, header] : {std::pair{Format::kQ4_0, 2U}, std::pair{Format::kQ4_1, 4U}}) {
    const std::size_t block_bytes = info(format).block_bytes;
    const auto rows = random.bytes(16 * block_bytes);
    const auto panel = test::packed(format, rows, 16, 32);
    for (std::size_t r = 0; r < 16; ++r) {
      const std::byte* const block = rows.data() + r * block_bytes;
      for (std::size_t i = 0; i < header; ++i) EXPECT_EQ(panel[32 * (i / 2) + 2 * r + i % 2], block[i]);
      for (std::size_t column = 0; column < 32; ++column) {
        const auto source = std::to_integer<unsigned>(block[header + column % 16]);
        const unsigned expected = column < 16 ? source & 15U : source >> 4;
        const auto byte = std::to_integer<unsigned>(panel[16 * header + 64 * (column / 8) + 4 * r + column % 4]);
        EXPECT_EQ(column % 8 < 4 ? byte & 15U : byte >> 4, expected) << "row " << r << ", column " << column;
      }
    }
  }
}

// Files of tests/data/kernels/make_formats.py: floats, their blocks and these de-quantised, all by the `gguf` package.
class GgufReferenceTest : public testing::TestWithParam<Format> {};

template <class T>
std::vector<T> read(std::ifstream& file, std::size_t count) {
  std::vector<T> content(count);
  file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(count * sizeof(T)));
  return content;
}

TEST_P(GgufReferenceTest, QuantisesAndDequantisesAsThePackageDoes) {
  constexpr std::size_t kWeights = 256;
  const std::string path =
      linnet::test::source_tree() / "tests/data/kernels" / (std::string(info(GetParam()).name) + ".bin");
  std::ifstream file(path, std::ios::binary);
  const auto floats = read<float>(file, kWeights);
  const auto blocks = read<std::byte>(file, row_bytes(GetParam(), kWeights));
  const auto expected = read<float>(file, kWeights);
  ASSERT_TRUE(file) << path;
  std::vector<std::byte> quantised(blocks.size());
  quantize_row(GetParam(), floats.data(), kWeights, quantised.data());
  EXPECT_EQ(quantised, blocks);
  std::vector<float> dequantised(kWeights);
  dequantize_row(GetParam(), blocks.data(), kWeights, dequantised.data());
  EXPECT_TRUE(test::same_bits(dequantised, expected));
}

INSTANTIATE_TEST_SUITE_P(Formats, GgufReferenceTest, testing::ValuesIn(test::kPanelFormats), test::format_name);

TEST(QuantizeRowTest, OddInputsTrapNothing) {
  for (const Format format : all_formats()) {
    for (const float odd : {0.0F, -0.0F, INFINITY, -INFINITY, NAN, 1e-45F, 3e38F, -3e38F}) {
      std::vector<float> floats(64, 1.0F);
      for (std::size_t i = 0; i < 40; ++i) floats[i] = odd;
      std::vector<std::byte> row(row_bytes(format, 64));
      quantize_row(format, floats.data(), 64, row.data());
      dequantize_row(format, row.data(), 64, floats.data());
    }
  }
}

}  // namespace
}  // namespace linnet::kernels
