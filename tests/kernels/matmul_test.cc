#include "kernels/matmul/matmul.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/formats/q8_0.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Guarded;
using test::OwnedActivations;
using test::Random;
using test::Unaligned;

std::vector<float> multiply(MatMulFunction function, const std::vector<std::byte>& panels, std::size_t panel_count,
                            const Q8Activations& in, std::size_t out_stride) {
  // 32 bytes is what the layout promises of a panel block's address.
  const Unaligned<std::byte> moved(panels, 32);
  Guarded<float> out(in.rows * out_stride, 1);
  function(moved.data(), panel_count, in, out.data(), out_stride);
  EXPECT_TRUE(out.intact()) << "wrote beyond the output";
  return out.content();
}

class MatMulTest : public testing::TestWithParam<Format> {};

void expect_same_for_all_variants(Format format, const std::vector<std::byte>& panels, std::size_t panel_count,
                                  const Q8Activations& in, std::size_t out_stride) {
  const auto variants = matmul_variants(format);
  const auto expected = multiply(test::definition(variants)->many_rows, panels, panel_count, in, out_stride);
  test::for_each_variant(variants, [&](const MatMul* variant) {
    ASSERT_TRUE(test::same_bits(multiply(variant->for_rows(in.rows), panels, panel_count, in, out_stride), expected));
    ASSERT_TRUE(test::same_bits(multiply(variant->many_rows, panels, panel_count, in, out_stride), expected));
    Q8Activations asking = in;
    asking.ahead = true;
    ASSERT_TRUE(
        test::same_bits(multiply(variant->for_rows(in.rows), panels, panel_count, asking, out_stride), expected));
  });
}

TEST_P(MatMulTest, EveryVariantGivesTheScalarBitsAtEveryShape) {
  Random random(1);
  for (const std::size_t least : {32U, 64U, 96U, 256U, 864U}) {
    const std::size_t columns = test::whole_blocks(GetParam(), least);
    for (const std::size_t panel_count : {1U, 2U, 3U, 9U, 17U}) {
      const auto rows_in_order = test::random_rows(random, GetParam(), panel_count * kPanelRows, columns);
      const auto panels = test::packed(GetParam(), rows_in_order, panel_count * kPanelRows, columns);
      for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 13U, 16U, 17U, 24U, 33U}) {
        SCOPED_TRACE(testing::Message() << columns << " columns, " << panel_count << " panels, " << rows << " rows");
        const OwnedActivations in(random.floats(rows * columns, 3.0F), rows, GetParam());
        expect_same_for_all_variants(GetParam(), panels, panel_count, in.view(), panel_count * kPanelRows + rows % 3);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Variants may take wide rows in slabs: with many rows fewer columns fill one.
TEST_P(MatMulTest, EveryVariantGivesTheScalarBitsOfWideRows) {
  Random random(5);
  struct Shape {
    std::size_t rows;
    std::size_t columns;
  };
  for (const Shape shape : {Shape{9, 4608}, Shape{7, 5120}, Shape{2, 16640}, Shape{1, 33024}}) {
    SCOPED_TRACE(testing::Message() << shape.columns << " columns, " << shape.rows << " rows");
    const auto rows_in_order = test::random_rows(random, GetParam(), kPanelRows, shape.columns);
    const auto panels = test::packed(GetParam(), rows_in_order, kPanelRows, shape.columns);
    const OwnedActivations in(random.floats(shape.rows * shape.columns, 3.0F), shape.rows, GetParam());
    expect_same_for_all_variants(GetParam(), panels, 1, in.view(), kPanelRows);
    if (HasFatalFailure()) return;
  }
}

TEST_P(MatMulTest, TheLargestProductsDoNotSaturate) {
  const std::size_t columns = test::whole_blocks(GetParam(), 96);
  for (const int byte : {0x00, 0x7F, 0x80, 0xFF, 0x81, 0x78, 0x87}) {
    std::vector<std::byte> rows_in_order(kPanelRows * row_bytes(GetParam(), columns), static_cast<std::byte>(byte));
    const std::size_t block_bytes = info(GetParam()).block_bytes;
    for (std::size_t b = 0; b < rows_in_order.size(); b += block_bytes) {
      const std::uint16_t one = 0x3C00;
      for (const std::size_t at : test::half_offsets(GetParam())) std::memcpy(rows_in_order.data() + b + at, &one, 2);
    }
    const auto panels = test::packed(GetParam(), rows_in_order, kPanelRows, columns);
    for (const float activation : {127.0F, -127.0F}) {
      SCOPED_TRACE(testing::Message() << "weight byte " << byte << ", activation " << activation);
      const OwnedActivations many(std::vector<float>(19 * columns, activation), 19, GetParam());
      expect_same_for_all_variants(GetParam(), panels, 1, many.view(), kPanelRows);
      const OwnedActivations in(std::vector<float>(3 * columns, activation), 3, GetParam());
      expect_same_for_all_variants(GetParam(), panels, 1, in.view(), kPanelRows);
      std::vector<float> weights(columns);
      dequantize_row(GetParam(), rows_in_order.data(), columns, weights.data());
      double exact = 0.0;
      for (const float weight : weights) exact += static_cast<double>(weight) * static_cast<double>(activation);
      const auto product = multiply(test::definition(matmul_variants(GetParam()))->one_row, panels, 1, in.view(), 16);
      // Sums of integers; those of super-blocks pass 2^24 and are rounded.
      const double bound = columns == 96 ? 0.0 : std::abs(exact) * 0x1p-21;
      EXPECT_NEAR(static_cast<double>(product[0]), exact, bound);
    }
  }
}

TEST_P(MatMulTest, RowsDoNotDependOnTheirBatchNorPanelsOnTheirNeighbours) {
  Random random(2);
  const std::size_t columns = test::whole_blocks(GetParam(), 160);
  const std::size_t panel_count = 6;
  const auto rows_in_order = test::random_rows(random, GetParam(), panel_count * kPanelRows, columns);
  const auto panels = test::packed(GetParam(), rows_in_order, panel_count * kPanelRows, columns);
  const std::size_t panel_size = panel_bytes(GetParam(), kPanelRows, columns);
  constexpr std::size_t kRows = 27;  // Slabs, and rows left over.
  const auto floats = random.floats(kRows * columns);
  const OwnedActivations all(floats, kRows, GetParam());
  test::for_each_variant(matmul_variants(GetParam()), [&](const MatMul* variant) {
    const auto together = multiply(variant->many_rows, panels, panel_count, all.view(), 96);
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto first = floats.begin() + static_cast<std::ptrdiff_t>(r * columns);
      const OwnedActivations one(std::vector<float>(first, first + static_cast<std::ptrdiff_t>(columns)), 1,
                                 GetParam());
      for (std::size_t p = 0; p < panel_count; ++p) {
        const auto from = panels.begin() + static_cast<std::ptrdiff_t>(p * panel_size);
        const std::vector<std::byte> panel(from, from + static_cast<std::ptrdiff_t>(panel_size));
        const auto expected_from = together.begin() + static_cast<std::ptrdiff_t>(r * 96 + p * 16);
        ASSERT_TRUE(test::same_bits(multiply(variant->one_row, panel, 1, one.view(), 16),
                                    std::vector<float>(expected_from, expected_from + 16)));
      }
    }
  });
}

TEST_P(MatMulTest, PaddingRowsGiveZero) {
  Random random(3);
  const std::size_t columns = test::whole_blocks(GetParam(), 64);
  const auto rows_in_order = test::random_rows(random, GetParam(), 19, columns);
  const auto panels = test::packed(GetParam(), rows_in_order, 19, columns);
  const OwnedActivations in(random.floats(2 * columns), 2, GetParam());
  test::for_each_variant(matmul_variants(GetParam()), [&](const MatMul* variant) {
    const auto out = multiply(variant->many_rows, panels, 2, in.view(), 32);
    for (std::size_t r = 0; r < 2; ++r) {
      for (std::size_t i = 19; i < 32; ++i) EXPECT_EQ(out[r * 32 + i], 0.0F);
    }
  });
}

TEST_P(MatMulTest, ScalesThatAreNotFiniteTrapNothing) {
  Random random(4);
  const std::size_t columns = test::whole_blocks(GetParam(), 64);
  auto rows_in_order = test::random_rows(random, GetParam(), 16, columns);
  const std::uint16_t scales[] = {0x7C00, 0xFC00, 0x7E00, 0x7BFF, 0x0001, 0x8000};
  for (std::size_t r = 0; r < 16; ++r) {
    const std::size_t at = r * row_bytes(GetParam(), columns) + test::half_offsets(GetParam()).front();
    std::memcpy(rows_in_order.data() + at, &scales[r % 6], 2);
  }
  const auto panels = test::packed(GetParam(), rows_in_order, 16, columns);
  auto floats = random.floats(5 * columns);
  floats[3] = std::numeric_limits<float>::infinity();
  floats[70] = std::numeric_limits<float>::quiet_NaN();
  const OwnedActivations in(floats, 5, GetParam());
  test::for_each_variant(matmul_variants(GetParam()), [&](const MatMul* variant) {
    const auto out = multiply(variant->many_rows, panels, 1, in.view(), 16);
    EXPECT_EQ(out.size(), 80U);
  });
}

INSTANTIATE_TEST_SUITE_P(Formats, MatMulTest, testing::ValuesIn(test::kPanelFormats), test::format_name);

}  // namespace
}  // namespace linnet::kernels
