// Products on the GPU against the CPU's definitions: matvec and gemm of every format.
#include <cmath>

#include "kernels/matmul/matmul.h"
#include "kernels/matmul_float/matmul_float.h"
#include "tests/kernels/cuda/machine.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels::cuda {
namespace {

using test::DeviceArray;
using test::OwnedActivations;
using test::Random;

// A matrix as the packer leaves it, and as numbers.
struct Matrix {
  Format format;
  std::size_t rows;
  std::size_t columns;
  std::vector<std::byte> stored;
  std::vector<float> numbers;

  Matrix(Random& random, Format matrix_format, std::size_t row_count, std::size_t column_count)
      : format(matrix_format), rows(row_count), columns(column_count) {
    auto in_order = test::random_rows(random, format, rows, columns);
    if (format == Format::kF32) {  // Random bits are of any magnitude.
      const auto floats = random.floats(rows * columns);
      std::memcpy(in_order.data(), floats.data(), in_order.size());
    }
    numbers.resize(rows * columns);
    for (std::size_t r = 0; r < rows; ++r) {
      dequantize_row(format, in_order.data() + r * row_bytes(format, columns), columns, numbers.data() + r * columns);
    }
    stored = in_panels() ? test::packed(format, in_order, rows, columns) : in_order;
  }
  [[nodiscard]] bool in_panels() const { return info(format).panel_block_bytes != 0; }
};

// Rows of activations, and how many int8 numbers stand for each where the matrix lies in panels.
struct In {
  const std::vector<float>& floats;
  std::size_t rows;
  std::size_t terms = 1;
  bool joined = true;  // Whether the blocks that a format joins have one scale, as on the CPU.
};

// The products of inputs of which each block of 32 has its own scale, which no variant of the CPU computes for a format
// that joins blocks.
std::vector<float> products_of_single_blocks(const Matrix& matrix, const In& in) {
  const OwnedActivations activations(in.floats, in.rows, Format::kQ8_0, in.terms);
  const auto values = activations.values_in_rows();
  const auto scales = activations.scales_in_rows();
  std::vector<float> out(in.rows * matrix.rows);
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < in.terms * matrix.columns; ++c) {
      const std::size_t at = i / matrix.rows * in.terms * matrix.columns + c;
      sum += static_cast<double>(matrix.numbers[i % matrix.rows * matrix.columns + c % matrix.columns]) * values[at] *
             scales[at / kActivationBlock];
    }
    out[i] = static_cast<float>(sum);
  }
  return out;
}

// The products in the CPU's arithmetic, [in rows, matrix rows].
std::vector<float> products(const Matrix& matrix, const In& in) {
  const std::size_t padded = (matrix.rows + kPanelRows - 1) / kPanelRows * kPanelRows;
  const std::size_t terms = matrix.in_panels() ? in.terms : 1;
  if (!in.joined && info(matrix.format).joined > 1) return products_of_single_blocks(matrix, in);
  std::vector<float> out(in.rows * terms * padded);
  if (matrix.in_panels()) {
    const OwnedActivations activations(in.floats, in.rows, matrix.format, terms);
    test::definition(matmul_variants(matrix.format))
        ->many_rows(matrix.stored.data(), padded / kPanelRows, activations.view(), out.data(), padded);
  } else {
    test::definition(matmul_float_variants(matrix.format))({matrix.stored.data(), matrix.rows, matrix.columns},
                                                           {in.floats.data(), in.rows, matrix.columns}, out.data(),
                                                           padded);
  }
  std::vector<float> dense(in.rows * matrix.rows);
  for (std::size_t i = 0; i < dense.size(); ++i) {
    const float* const first = out.data() + i / matrix.rows * terms * padded + i % matrix.rows;
    dense[i] = terms == 1 ? *first : *first + first[padded];
  }
  return dense;
}

// How large the terms of a sum are: the sum of their magnitudes, and the root of the sum of their squares.
struct Terms {
  double sum = 0;
  double root = 0;
};
Terms terms(const Matrix& matrix, const std::vector<float>& in, std::size_t in_row, std::size_t row) {
  Terms terms;
  for (std::size_t c = 0; c < matrix.columns; ++c) {
    const double term = static_cast<double>(matrix.numbers[row * matrix.columns + c]) * in[in_row * matrix.columns + c];
    terms.sum += std::abs(term);
    terms.root += term * term;
  }
  terms.root = std::sqrt(terms.root);
  return terms;
}

// One of two products of a launch, with a bias and on top of what was there.
struct Target {
  const Matrix& matrix;
  std::size_t stride;
  std::vector<float> bias;
  std::vector<float> before;

  Target(Random& random, const Matrix& of, std::size_t in_rows, bool with_bias)
      : matrix(of), stride(of.rows + 3), before(random.floats(in_rows * stride)) {
    if (with_bias) bias = random.floats(of.rows);
  }
};

Projection projection_of(const Target& target, const DeviceArray<std::byte>& weight, const DeviceArray<float>& bias,
                         const DeviceArray<float>& out) {
  return {.weight = weight.data(),
          .bias = target.bias.empty() ? nullptr : bias.data(),
          .out = out.data(),
          .out_stride = static_cast<std::uint32_t>(target.stride),
          .rows = static_cast<std::uint32_t>(target.matrix.rows),
          .accumulate = target.bias.empty() ? 0U : 1U};
}

// Fills in the projections of two targets, runs `launch_once` and returns both outputs.
template <class Parameters, class LaunchOnce>
std::vector<std::vector<float>> run(Parameters& p, const std::vector<Target>& targets, LaunchOnce launch_once) {
  std::vector<DeviceArray<float>> outs;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const DeviceArray<std::byte> weight(targets[i].matrix.stored);
    const DeviceArray<float> bias(targets[i].bias);
    outs.emplace_back(targets[i].before);
    p.projections[i] = projection_of(targets[i], weight, bias, outs.back());
  }
  p.projection_count = static_cast<std::uint32_t>(targets.size());
  launch_once();
  std::vector<std::vector<float>> contents;
  for (const auto& out : outs) contents.push_back(out.content());
  return contents;
}

// `tolerance(terms)` is what an output may be off.
template <class Tolerance>
void expect_products(const std::vector<Target>& targets, const std::vector<std::vector<float>>& outs, const In& in,
                     Tolerance tolerance) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Target& target = targets[i];
    const std::vector<float> expected = products(target.matrix, in);
    for (std::size_t r = 0; r < in.rows; ++r) {
      for (std::size_t c = 0; c < target.stride; ++c) {
        const float got = outs[i][r * target.stride + c];
        const float before = target.before[r * target.stride + c];
        if (c >= target.matrix.rows) {
          ASSERT_EQ(got, before) << "wrote behind row " << r;
          continue;
        }
        double sum = expected[r * target.matrix.rows + c];
        double off = tolerance(terms(target.matrix, in.floats, r, c));
        if (!target.bias.empty()) sum += static_cast<double>(target.bias[c]) + before;
        ASSERT_NEAR(got, sum, off + 1e-6) << "projection " << i << ", row " << r << ", output " << c;
      }
    }
  }
}

class CudaProducts : public test::CudaTestWith<Format> {};

std::vector<std::vector<float>> multiply_rows(const std::vector<Target>& targets, const In& in) {
  const auto columns = static_cast<std::uint32_t>(targets[0].matrix.columns);
  const auto rows = static_cast<std::uint32_t>(in.rows);
  const bool in_panels = targets[0].matrix.in_panels();
  const auto terms = static_cast<std::uint32_t>(in_panels ? in.terms : 1);
  const Kernel kernel = matvec_kernel(targets[0].matrix.format, rows * terms);
  if (in_panels) {
    const OwnedActivations activations(in.floats, in.rows, targets[0].matrix.format, terms);
    const DeviceArray<std::int8_t> values(activations.values_in_rows());
    const DeviceArray<float> scales(activations.scales_in_rows());
    MatVecParameters p{.in = {values.data(), scales.data(), terms},
                       .rows = rows,
                       .columns = columns,
                       .projection_count = 0,
                       .projections = {}};
    return run(p, targets, [&] { test::launch(kernel, p); });
  }
  const DeviceArray<float> floats(in.floats);
  FloatMatVecParameters p{.in = floats.data(),
                          .in_stride = columns,
                          .rows = rows,
                          .columns = columns,
                          .projection_count = 0,
                          .projections = {}};
  return run(p, targets, [&] { test::launch(kernel, p); });
}

TEST_P(CudaProducts, FewRowsAreTheCpusProductsButForTheOrderOfSums) {
  Random random(1);
  std::vector<std::size_t> widths = {test::whole_blocks(GetParam(), 32), test::whole_blocks(GetParam(), 864)};
  if (info(GetParam()).panel_block_bytes == 0) widths = {5, 36, 864};
  for (const std::size_t columns : widths) {
    const Matrix first(random, GetParam(), 35, columns);
    const Matrix second(random, GetParam(), 16, columns);
    for (std::size_t all = 1; all <= kMatVecRows + kMatVecRows / 2; ++all) {
      const std::size_t terms = all > kMatVecRows ? 2 : 1;
      const std::size_t rows = all - (terms - 1) * kMatVecRows;
      SCOPED_TRACE(testing::Message() << columns << " columns, " << rows << " rows of " << terms << " terms");
      const auto floats = random.floats(rows * columns, 3.0F);
      const In in{floats, rows, terms};
      const std::vector<Target> targets = {{random, first, rows, false}, {random, second, rows, true}};
      const auto outs = multiply_rows(targets, in);
      expect_products(targets, outs, in, [](const Terms& t) { return 1e-6 * t.sum; });
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(CudaProducts, ManyRowsAreTheCpusProductsButForHalfPrecision) {
  Random random(2);
  for (const std::size_t least : {64U, 96U}) {
    const std::size_t columns = test::whole_blocks(GetParam(), least);
    const Matrix first(random, GetParam(), 145, columns);
    const Matrix second(random, GetParam(), 16, columns);
    const std::size_t rows = least == 64 ? 130 : 9;
    SCOPED_TRACE(testing::Message() << columns << " columns, " << rows << " rows");
    auto in = random.floats(rows * columns, 3.0F);
    for (std::size_t c = 0; c < columns; ++c) in[columns + c] *= 1e6F;  // Beyond f16's range.
    std::fill_n(in.begin() + static_cast<std::ptrdiff_t>(2 * columns), columns, 0.0F);
    const std::vector<Target> targets = {{random, first, rows, false}, {random, second, rows, true}};
    const DeviceArray<float> floats(in);
    const DeviceArray<std::uint16_t> halves(rows * padded_columns(static_cast<std::uint32_t>(columns)));
    const DeviceArray<float> scales(rows);
    test::launch(Kernel::kHalfRows, HalfRowsParameters{.in = floats.data(),
                                                       .out = halves.data(),
                                                       .scales = scales.data(),
                                                       .in_stride = static_cast<std::uint32_t>(columns),
                                                       .rows = static_cast<std::uint32_t>(rows),
                                                       .columns = static_cast<std::uint32_t>(columns),
                                                       .quantised = first.in_panels() ? 1U : 0U});
    GemmParameters p{.in = halves.data(),
                     .in_scales = scales.data(),
                     .rows = static_cast<std::uint32_t>(rows),
                     .columns = static_cast<std::uint32_t>(columns),
                     .projection_count = 0,
                     .projections = {}};
    const auto outs = run(p, targets, [&] { test::launch(gemm_kernel(GetParam()), p); });
    // Each factor is rounded to 11 bits: a term is off by 3.5e-4 of itself, a standard deviation; six of them.
    const In of_gpu{.floats = in, .rows = rows, .joined = false};
    expect_products(targets, outs, of_gpu, [](const Terms& t) { return 2e-3 * t.root; });
    if (HasFatalFailure()) return;
    const auto again = run(p, targets, [&] { test::launch(gemm_kernel(GetParam()), p); });
    for (std::size_t i = 0; i < outs.size(); ++i) ASSERT_TRUE(test::same_bits(again[i], outs[i]));
  }
}

class CudaPanelProducts : public test::CudaTestWith<Format> {};

// Blocks of rows and of outputs that are whole and that are not, columns that end within a turn of shared memory.
TEST_P(CudaPanelProducts, ManyRowsInInt8AreTheCpusProductsButForTheOrderOfSums) {
  struct Size {
    std::size_t least_columns, rows, terms;
  };
  Random random(3);
  for (const Size& size : {Size{32, 9, 2}, Size{160, 130, 1}}) {
    const std::size_t columns = test::whole_blocks(GetParam(), size.least_columns);
    const std::size_t rows = size.rows;
    const Matrix first(random, GetParam(), 145, columns);
    const Matrix second(random, GetParam(), 16, columns);
    SCOPED_TRACE(testing::Message() << columns << " columns, " << rows << " rows of " << size.terms << " terms");
    auto floats = random.floats(rows * columns, 3.0F);
    for (std::size_t c = 0; c < columns; ++c) floats[columns + c] *= 1e6F;
    std::fill_n(floats.begin() + static_cast<std::ptrdiff_t>(2 * columns), columns, 0.0F);
    const In in{.floats = floats, .rows = rows, .terms = size.terms, .joined = false};
    const std::vector<Target> targets = {{random, first, rows, false}, {random, second, rows, true}};
    const OwnedActivations activations(floats, rows, Format::kQ8_0, size.terms);
    const DeviceArray<std::int8_t> values(activations.values_in_rows());
    const DeviceArray<float> scales(activations.scales_in_rows());
    PanelGemmParameters p{.in = {values.data(), scales.data(), static_cast<std::uint32_t>(size.terms)},
                          .rows = static_cast<std::uint32_t>(rows),
                          .columns = static_cast<std::uint32_t>(columns),
                          .projection_count = 0,
                          .projections = {}};
    const auto outs = run(p, targets, [&] { test::launch(gemm_int8_kernel(GetParam()), p); });
    expect_products(targets, outs, in, [](const Terms& t) { return 1e-6 * t.sum; });
    if (HasFatalFailure() || rows > 9) return;
    const auto again = run(p, targets, [&] { test::launch(gemm_int8_kernel(GetParam()), p); });
    for (std::size_t i = 0; i < outs.size(); ++i) ASSERT_TRUE(test::same_bits(again[i], outs[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Panels, CudaPanelProducts, testing::ValuesIn(test::kPanelFormats), test::format_name);
INSTANTIATE_TEST_SUITE_P(Panels, CudaProducts, testing::ValuesIn(test::kPanelFormats), test::format_name);
INSTANTIATE_TEST_SUITE_P(Floats, CudaProducts, testing::ValuesIn(test::kFloatFormats), test::format_name);

}  // namespace
}  // namespace linnet::kernels::cuda
