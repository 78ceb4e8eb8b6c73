// The scalar definitions against OpenBLAS, an implementation that shares nothing with ours.
#include <cblas.h>

#include <cmath>

#include "kernels/matmul/matmul.h"
#include "kernels/matmul_float/matmul_float.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::OwnedActivations;
using test::Random;

struct Shape {
  std::size_t matrix_rows;
  std::size_t columns;
  std::size_t rows;
};

constexpr Shape kShapes[] = {{1, 32, 1}, {16, 64, 3}, {48, 896, 1}, {100, 1536, 5}, {33, 4864, 2}};

// out = in * weights^T by OpenBLAS.
std::vector<float> product(const std::vector<float>& weights, const std::vector<float>& in, const Shape& shape) {
  std::vector<float> out(shape.rows * shape.matrix_rows);
  const auto rows = static_cast<blasint>(shape.rows);
  const auto matrix_rows = static_cast<blasint>(shape.matrix_rows);
  const auto columns = static_cast<blasint>(shape.columns);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, matrix_rows, columns, 1.0F, in.data(), columns,
              weights.data(), columns, 0.0F, out.data(), matrix_rows);
  return out;
}

// The same of magnitudes: each rounding of either side is at most 2^-24 of it.
std::vector<float> product_of_magnitudes(std::vector<float> weights, std::vector<float> in, const Shape& shape) {
  for (float& x : weights) x = std::abs(x);
  for (float& x : in) x = std::abs(x);
  return product(weights, in, shape);
}

void expect_close(const std::vector<float>& actual, std::size_t stride, const std::vector<float>& weights,
                  const std::vector<float>& in, const Shape& shape, double roundings) {
  const auto expected = product(weights, in, shape);
  const auto magnitudes = product_of_magnitudes(weights, in, shape);
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t i = 0; i < shape.matrix_rows; ++i) {
      const double bound = roundings * 0x1p-24 * static_cast<double>(magnitudes[r * shape.matrix_rows + i]);
      ASSERT_NEAR(static_cast<double>(actual[r * stride + i]), static_cast<double>(expected[r * shape.matrix_rows + i]),
                  bound);
    }
  }
}

class BlasTest : public testing::TestWithParam<Format> {};

std::vector<float> dequantized(Format format, const std::vector<std::byte>& rows, const Shape& shape) {
  std::vector<float> weights(shape.matrix_rows * shape.columns);
  for (std::size_t i = 0; i < shape.matrix_rows; ++i) {
    dequantize_row(format, rows.data() + i * row_bytes(format, shape.columns), shape.columns,
                   weights.data() + i * shape.columns);
  }
  return weights;
}

// Weights that a quantiser would make: with random scales, Q4_1's scale and minimum would cancel by chance only.
std::vector<std::byte> quantized_rows(Random& random, Format format, const Shape& shape) {
  const auto floats = random.floats(shape.matrix_rows * shape.columns);
  std::vector<std::byte> rows(shape.matrix_rows * row_bytes(format, shape.columns));
  quantize_row(format, floats.data(), floats.size(), rows.data());
  return rows;
}

TEST_P(BlasTest, ProductsAgreeOnDequantisedNumbers) {
  Random random(30);
  for (Shape shape : kShapes) {
    shape.columns = test::whole_blocks(GetParam(), shape.columns);
    const auto rows = quantized_rows(random, GetParam(), shape);
    const auto weights = dequantized(GetParam(), rows, shape);
    if (info(GetParam()).panel_block_bytes == 0) {
      const auto in = random.floats(shape.rows * shape.columns);
      std::vector<float> out(shape.rows * shape.matrix_rows);
      test::definition(matmul_float_variants(GetParam()))({rows.data(), shape.matrix_rows, shape.columns},
                                                          {in.data(), shape.rows, shape.columns}, out.data(),
                                                          shape.matrix_rows);
      // Ours: columns / 16 fmas and 4 sums; theirs: at most one rounding a column.
      const auto columns = static_cast<double>(shape.columns);
      expect_close(out, shape.matrix_rows, weights, in, shape, columns / 16 + 5 + columns);
      continue;
    }
    const auto panels = test::packed(GetParam(), rows, shape.matrix_rows, shape.columns);
    const OwnedActivations in(random.floats(shape.rows * shape.columns), shape.rows, GetParam());
    const auto values = in.values_in_rows();
    const auto scales = in.scales_in_rows();
    std::vector<float> in_floats(values.size());
    for (std::size_t i = 0; i < in_floats.size(); ++i) {
      in_floats[i] = static_cast<float>(values[i]) * scales[i / kActivationBlock];
    }
    const std::size_t panel_count = (shape.matrix_rows + kPanelRows - 1) / kPanelRows;
    std::vector<float> out(shape.rows * panel_count * kPanelRows);
    test::definition(matmul_variants(GetParam()))
        ->many_rows(panels.data(), panel_count, in.view(), out.data(), panel_count * kPanelRows);
    // Ours: 2 to 4 roundings a block (Q4_1's two products are up to 3 times their sum); theirs: one a column, and two
    // in the numbers that it is given.
    const double blocks = static_cast<double>(in.view().blocks());
    expect_close(out, panel_count * kPanelRows, weights, in_floats, shape,
                 12 * blocks + 2 + static_cast<double>(shape.columns));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, BlasTest, testing::ValuesIn(all_formats().begin(), all_formats().end()),
                         test::format_name);

}  // namespace
}  // namespace linnet::kernels
