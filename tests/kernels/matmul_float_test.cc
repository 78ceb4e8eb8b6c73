#include "kernels/matmul_float/matmul_float.h"

#include <cmath>

#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Guarded;
using test::Random;
using test::Unaligned;

std::vector<std::byte> random_weights(Random& random, Format format, std::size_t count) {
  const auto floats = random.floats(count, 2.0F);
  std::vector<std::byte> weights(row_bytes(format, count));
  quantize_row(format, floats.data(), count, weights.data());
  return weights;
}

class MatMulFloatTest : public testing::TestWithParam<Format> {};

TEST_P(MatMulFloatTest, EveryVariantGivesTheScalarBitsAtEveryShape) {
  Random random(5);
  for (const std::size_t columns : {1U, 2U, 7U, 8U, 9U, 15U, 16U, 17U, 24U, 25U, 31U, 32U, 33U, 127U, 260U}) {
    for (const std::size_t matrix_rows : {1U, 2U, 3U, 4U, 5U, 9U}) {
      // Bytes: tensors of a GGUF may be aligned to 8 only, and rows of odd width to nothing.
      const Unaligned<std::byte> weights(random_weights(random, GetParam(), matrix_rows * columns), 4);
      const FloatMatrix matrix{weights.data(), matrix_rows, columns};
      for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
        SCOPED_TRACE(testing::Message() << columns << " columns, " << matrix_rows << " x " << rows << " rows");
        const std::size_t in_stride = columns + rows % 2;
        const Unaligned<float> in(random.floats(rows * in_stride), 1);
        const std::size_t out_stride = matrix_rows + 1;
        const auto run = [&](MatMulFloat function) {
          Guarded<float> out(rows * out_stride);
          function(matrix, {in.data(), rows, in_stride}, out.data(), out_stride);
          EXPECT_TRUE(out.intact()) << "wrote beyond the output";
          return out.content();
        };
        const auto expected = run(test::definition(matmul_float_variants(GetParam())));
        test::for_each_variant(matmul_float_variants(GetParam()),
                               [&](MatMulFloat function) { ASSERT_TRUE(test::same_bits(run(function), expected)); });
        if (HasFatalFailure()) return;
      }
    }
  }
}

// fma(w, x, 0) of a product below the subnormals is -0: a tail that touched the other lanes would make it +0.
TEST_P(MatMulFloatTest, TailsLeaveOtherLanesAlone) {
  std::vector<float> floats(17, -0x1p-14F);
  std::vector<std::byte> weights(row_bytes(GetParam(), 17));
  quantize_row(GetParam(), floats.data(), 17, weights.data());
  const std::vector<float> in(17, 0x1p-149F);
  const auto run = [&](MatMulFloat function) {
    std::vector<float> out(1);
    function({weights.data(), 1, 17}, {in.data(), 1, 17}, out.data(), 1);
    return out;
  };
  const auto expected = run(test::definition(matmul_float_variants(GetParam())));
  EXPECT_TRUE(std::signbit(expected[0]));
  test::for_each_variant(matmul_float_variants(GetParam()),
                         [&](MatMulFloat function) { EXPECT_TRUE(test::same_bits(run(function), expected)); });
}

INSTANTIATE_TEST_SUITE_P(Formats, MatMulFloatTest, testing::ValuesIn(test::kFloatFormats), test::format_name);

}  // namespace
}  // namespace linnet::kernels
