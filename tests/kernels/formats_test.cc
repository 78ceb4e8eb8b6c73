#include "kernels/formats/format.h"

#include <cmath>
#include <fstream>
#include <limits>

#include "kernels/formats/half.h"
#include "kernels/formats/iq4_nl.h"
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
  for (const std::size_t least : {32U, 64U, 288U}) {
    const std::size_t columns = test::whole_blocks(GetParam(), least);
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
  const std::size_t columns = info(GetParam()).block_weights;
  const auto original = random.bytes(3 * row_bytes(GetParam(), columns));
  std::vector<std::byte> panels(panel_bytes(GetParam(), 3, columns), std::byte{0xEE});
  pack_panels(GetParam(), original.data(), 3, columns, panels.data());
  EXPECT_EQ(panels, test::packed(GetParam(), original, 3, columns));
}

TEST_P(PanelTest, PanelRowsDequantiseAsRowsDo) {
  Random random(22);
  const std::size_t columns = test::whole_blocks(GetParam(), 96);
  const auto rows = test::random_rows(random, GetParam(), 21, columns);
  const auto panels = test::packed(GetParam(), rows, 21, columns);
  std::vector<float> expected(columns);
  std::vector<float> actual(columns);
  for (std::size_t r = 0; r < 21; ++r) {
    dequantize_row(GetParam(), rows.data() + r * row_bytes(GetParam(), columns), columns, expected.data());
    dequantize_panel_row(GetParam(), panels.data(), r, columns, actual.data());
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

// What the table of ARCHITECTURE.md says of a panel block, written again: the weight of one row and column.
class PanelReader {
 public:
  PanelReader(Format format, const std::byte* block) : format_(format), block_(block) {}

  float weight(std::size_t row, std::size_t column) const {
    const float scale = half(row);
    switch (format_) {
      case Format::kIQ4_NL: return scale * static_cast<float>(kIQ4_NLValues[nibble(32, row, column)]);
      case Format::kQ5_0: return scale * static_cast<float>(five(32, row, column) - 16);
      case Format::kQ5_1: return scale * static_cast<float>(five(64, row, column)) + half(16 + row);
      case Format::kQ4_K: return with_minimum(64 + 288 * (column / 32), row, column, false);
      case Format::kQ5_K: return with_minimum(64 + 352 * (column / 32), row, column, true);
      case Format::kQ4_64:
      case Format::kQ4_128: return scale * static_cast<float>(nibble(32 + 256 * (column / 32), row, column % 32) - 8);
      case Format::kQ8_128:
        return scale * static_cast<float>(signed_byte(32 + 64 * (column / 4) + 4 * row + column % 4));
      default: return six(32 + 416 * (column / 32), row, column % 32);
    }
  }

 private:
  int byte(std::size_t at) const { return std::to_integer<int>(block_[at]); }
  int signed_byte(std::size_t at) const { return static_cast<std::int8_t>(byte(at)); }
  float half(std::size_t index) const {
    return f16_to_f32(static_cast<std::uint16_t>(byte(2 * index) | byte(2 * index + 1) << 8));
  }
  int nibble(std::size_t chunks, std::size_t row, std::size_t column) const {
    const int both = byte(chunks + 64 * (column / 8) + 4 * row + column % 4);
    return column % 8 < 4 ? both % 16 : both / 16;
  }
  int five(std::size_t chunks, std::size_t row, std::size_t column) const {
    return nibble(chunks, row, column) + 16 * (byte(chunks + 256 + 4 * row + column % 4) >> (column / 4) & 1);
  }
  float with_minimum(std::size_t part, std::size_t row, std::size_t column, bool fifth) const {
    const int code = fifth ? five(part + 32, row, column % 32) : nibble(part + 32, row, column % 32);
    const float scale = half(row) * static_cast<float>(byte(part + row));
    return scale * static_cast<float>(code) - half(16 + row) * static_cast<float>(byte(part + 16 + row));
  }
  float six(std::size_t part, std::size_t row, std::size_t column) const {
    const int upper = byte(part + 288 + 64 * (column / 16) + 4 * row + column % 4) >> (2 * (column % 16 / 4)) & 3;
    const auto sub = static_cast<float>(signed_byte(part + 16 * (column / 16) + row));
    return half(row) * sub * static_cast<float>(nibble(part + 32, row, column) + 16 * upper - 32);
  }

  Format format_;
  const std::byte* block_;
};

TEST(PanelLayoutTest, FormatsOfFiveBitsAndLargerBlocks) {
  Random random(26);
  for (const Format format : {Format::kIQ4_NL, Format::kQ5_0, Format::kQ5_1, Format::kQ4_K, Format::kQ5_K,
                              Format::kQ6_K, Format::kQ4_64, Format::kQ4_128, Format::kQ8_128}) {
    const std::size_t columns = info(format).block_weights;
    const auto rows = test::random_rows(random, format, 16, columns);
    const auto panel = test::packed(format, rows, 16, columns);
    const PanelReader reader(format, panel.data());
    for (std::size_t row = 0; row < 16; ++row) {
      std::vector<float> expected(columns);
      std::vector<float> actual;
      dequantize_row(format, rows.data() + row * info(format).block_bytes, columns, expected.data());
      for (std::size_t column = 0; column < columns; ++column) actual.push_back(reader.weight(row, column));
      ASSERT_TRUE(test::same_bits(actual, expected)) << info(format).name << ", row " << row;
    }
  }
}

// Files of tests/data/kernels/make_formats.py, all by the `gguf` package.
class GgufReferenceTest : public testing::TestWithParam<Format> {
 protected:
  static std::ifstream open(const std::string& suffix) {
    const std::string name = std::string(info(GetParam()).name) + suffix;
    std::ifstream file(test::source_tree() / "tests/data/kernels" / name, std::ios::binary);
    EXPECT_TRUE(file) << name;
    return file;
  }
};

template <class T>
std::vector<T> read(std::ifstream& file, std::size_t count) {
  std::vector<T> content(count);
  file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(count * sizeof(T)));
  EXPECT_TRUE(file) << "a file is too short";
  return content;
}

// Random blocks: every code and every sub-scale occurs.
TEST_P(GgufReferenceTest, DequantisesAsThePackageDoes) {
  constexpr std::size_t kWeights = 1024;
  std::ifstream file = open(".blocks");
  const auto blocks = read<std::byte>(file, row_bytes(GetParam(), kWeights));
  const auto expected = read<float>(file, kWeights);
  std::vector<float> dequantised(kWeights);
  dequantize_row(GetParam(), blocks.data(), kWeights, dequantised.data());
  EXPECT_TRUE(test::same_bits(dequantised, expected));
}

INSTANTIATE_TEST_SUITE_P(Formats, GgufReferenceTest, testing::ValuesIn(test::kPanelFormats), test::format_name);

// Of those that the package quantises: floats, their blocks and these de-quantised.
class GgufQuantiserTest : public GgufReferenceTest {};

TEST_P(GgufQuantiserTest, QuantisesAndDequantisesAsThePackageDoes) {
  constexpr std::size_t kWeights = 256;
  std::ifstream file = open(".bin");
  const auto floats = read<float>(file, kWeights);
  const auto blocks = read<std::byte>(file, row_bytes(GetParam(), kWeights));
  const auto expected = read<float>(file, kWeights);
  std::vector<std::byte> quantised(blocks.size());
  quantize_row(GetParam(), floats.data(), kWeights, quantised.data());
  EXPECT_EQ(quantised, blocks);
  std::vector<float> dequantised(kWeights);
  dequantize_row(GetParam(), blocks.data(), kWeights, dequantised.data());
  EXPECT_TRUE(test::same_bits(dequantised, expected));
}

INSTANTIATE_TEST_SUITE_P(Formats, GgufQuantiserTest,
                         testing::Values(Format::kQ8_0, Format::kQ4_0, Format::kQ4_1, Format::kQ5_0, Format::kQ5_1),
                         test::format_name);

// Rounding to nearest is off by half a step at most. A step in units of a block's largest magnitude, where the block
// reaches as far down as up: 2 / 15 with 4 bits from minimum to maximum; the code book ends at 113 of 127 on one side;
// 6 bits of a sub-scale add up to half of 1 / 63 of the range, f16 scales 2^-11. Codes from -8 to 7 end a step before
// the range does on one side.
TEST(QuantizeRowTest, RoundsToTheNearestCode) {
  const std::pair<Format, double> bounds[] = {
      {Format::kIQ4_NL, 14.5 / 127},         {Format::kQ4_K, 1.0 / 15 + 3.0 / 63}, {Format::kQ5_K, 1.0 / 31 + 3.0 / 63},
      {Format::kQ6_K, 1.0 / 31 + 1.0 / 127}, {Format::kQ4_64, 1.0 / 8 + 1e-3},     {Format::kQ4_128, 1.0 / 8 + 1e-3},
      {Format::kQ8_128, 0.5 / 127 + 1e-3}};
  Random random(25);
  for (const auto& [format, bound] : bounds) {
    const auto floats = random.floats(4096);
    std::vector<std::byte> row(row_bytes(format, floats.size()));
    quantize_row(format, floats.data(), floats.size(), row.data());
    std::vector<float> back(floats.size());
    dequantize_row(format, row.data(), floats.size(), back.data());
    for (std::size_t i = 0; i < floats.size(); ++i) ASSERT_NEAR(back[i], floats[i], bound) << info(format).name;
  }
}

TEST(QuantizeRowTest, OddInputsTrapNothing) {
  for (const Format format : all_formats()) {
    for (const float odd : {0.0F, -0.0F, INFINITY, -INFINITY, NAN, 1e-45F, 3e38F, -3e38F}) {
      const std::size_t weights = test::whole_blocks(format, 64);
      std::vector<float> floats(weights, 1.0F);
      for (std::size_t i = 0; i < 40; ++i) floats[i] = odd;
      std::vector<std::byte> row(row_bytes(format, weights));
      quantize_row(format, floats.data(), weights, row.data());
      dequantize_row(format, row.data(), weights, floats.data());
    }
  }
}

}  // namespace
}  // namespace linnet::kernels
