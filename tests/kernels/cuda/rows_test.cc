// Kernels on rows against the CPU's definitions.
#include <cmath>
#include <limits>

#include "kernels/elementwise/elementwise.h"
#include "kernels/norm/norm.h"
#include "kernels/rotate/rotate.h"
#include "tests/kernels/cuda/machine.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels::cuda {
namespace {

using test::CudaTest;
using test::DeviceArray;
using test::OwnedActivations;
using test::Random;

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected, double relative) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], relative * (std::abs(static_cast<double>(expected[i])) + 0.1)) << "at " << i;
  }
}

// Room for a quantised [rows, columns], and the check that it is what the CPU makes of `floats`.
struct QuantisedRows {
  DeviceArray<std::int8_t> values;
  DeviceArray<float> scales;

  std::uint32_t terms;

  QuantisedRows(std::size_t rows, std::size_t columns, std::uint32_t term_count = 1)
      : values(term_count * rows * columns), scales(term_count * rows * columns / 32), terms(term_count) {}
  [[nodiscard]] Q8Rows view() const { return {values.data(), scales.data(), terms}; }
  void expect(const std::vector<float>& floats, std::size_t rows) const {
    const OwnedActivations expected(floats, rows, Format::kQ8_0, terms);
    EXPECT_TRUE(test::same_bits(values.content(), expected.values_in_rows()));
    EXPECT_TRUE(test::same_bits(scales.content(), expected.scales_in_rows()));
  }
};

// Rows in a wider buffer.
struct Strided {
  std::size_t rows;
  std::size_t width;
  std::size_t stride;

  [[nodiscard]] std::vector<float> dense(const std::vector<float>& strided) const {
    std::vector<float> out;
    for (std::size_t r = 0; r < rows; ++r) {
      const auto first = strided.begin() + static_cast<std::ptrdiff_t>(r * stride);
      out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(width));
    }
    return out;
  }
};

TEST_F(CudaTest, QuantisingGivesTheCpusBits) {
  Random random(1);
  for (const std::size_t width : {32U, 96U, 864U}) {
    auto in = random.floats(3 * width, 5.0F);
    std::fill_n(in.begin(), 32, 0.0F);
    std::fill_n(in.begin() + static_cast<std::ptrdiff_t>(width), 32, 0x1p-125F);
    const DeviceArray<float> device(in);
    const auto columns = static_cast<std::uint32_t>(width);
    for (const std::uint32_t terms : {1U, 2U}) {
      const QuantisedRows out(3, width, terms);
      test::launch(Kernel::kQuantize, QuantizeParameters{device.data(), out.view(), columns, 3, columns});
      out.expect(in, 3);
    }
  }
}

TEST_F(CudaTest, RmsNormOfRowsAndOfHeads) {
  Random random(2);
  struct Case {
    std::uint32_t groups, part, width;
    bool quantised;
  };
  for (const Case& c :
       {Case{1, 896, 896, true}, Case{1, 600, 512, false}, Case{14, 64, 64, true}, Case{3, 20, 17, false}}) {
    SCOPED_TRACE(testing::Message() << c.groups << " groups of " << c.part);
    const Strided shape{3, std::size_t{c.groups} * c.part, std::size_t{c.groups} * c.part + 5};
    const auto in = random.floats(shape.rows * shape.stride, 3.0F);
    const auto weight = random.floats(c.width);
    auto expected = in;
    for (std::size_t r = 0; r < shape.rows; ++r) {
      for (std::size_t g = 0; g < c.groups; ++g) {
        const std::size_t at = r * shape.stride + g * c.part;
        scalar::rms_norm(in.data() + at, weight.data(), 1e-6F, c.width, expected.data() + at);
      }
    }
    const DeviceArray<float> in_out(in);
    const DeviceArray<float> weights(weight);
    const QuantisedRows quantised(shape.rows, c.quantised ? shape.width : 32);
    const auto stride = static_cast<std::uint32_t>(shape.stride);
    test::launch(Kernel::kRmsNorm, RmsNormParameters{.in = in_out.data(),
                                                     .weight = weights.data(),
                                                     .out = in_out.data(),
                                                     .quantised = c.quantised ? quantised.view() : Q8Rows{},
                                                     .in_stride = stride,
                                                     .out_stride = stride,
                                                     .rows = 3,
                                                     .groups = c.groups,
                                                     .part = c.part,
                                                     .width = c.width,
                                                     .epsilon = 1e-6F});
    expect_near(in_out.content(), expected, 2e-6);
    if (c.quantised) quantised.expect(shape.dense(in_out.content()), shape.rows);
  }
}

TEST_F(CudaTest, LayerNorm) {
  Random random(3);
  const Strided shape{4, 384, 389};
  const auto in = random.floats(shape.rows * shape.stride, 3.0F);
  const auto weight = random.floats(shape.width);
  const auto bias = random.floats(shape.width);
  auto expected = in;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    scalar::layer_norm(in.data() + r * shape.stride, weight.data(), bias.data(), 1e-12F, shape.width,
                       expected.data() + r * shape.stride);
  }
  const DeviceArray<float> in_out(in);
  const DeviceArray<float> weights(weight);
  const DeviceArray<float> biases(bias);
  const QuantisedRows quantised(shape.rows, shape.width);
  test::launch(Kernel::kLayerNorm, LayerNormParameters{.in = in_out.data(),
                                                       .weight = weights.data(),
                                                       .bias = biases.data(),
                                                       .out = in_out.data(),
                                                       .quantised = quantised.view(),
                                                       .in_stride = 389,
                                                       .out_stride = 389,
                                                       .rows = 4,
                                                       .width = 384,
                                                       .epsilon = 1e-12F});
  expect_near(in_out.content(), expected, 4e-6);
  quantised.expect(shape.dense(in_out.content()), shape.rows);
}

TEST_F(CudaTest, SumsAndActivationFunctions) {
  Random random(4);
  const Strided shape{3, 352, 355};
  const auto a = random.floats(shape.rows * shape.stride, 20.0F);
  const auto b = random.floats(shape.rows * shape.stride, 20.0F);
  const DeviceArray<float> other(b);
  const DeviceArray<float> sum(a);
  test::launch(Kernel::kAdd, AddParameters{other.data(), sum.data(), 355, 355, 3, 352});
  const DeviceArray<float> activated(a);
  const QuantisedRows quantised(shape.rows, shape.width);
  test::launch(Kernel::kGelu, GeluParameters{activated.data(), quantised.view(), 355, 3, 352});
  const DeviceArray<float> gate(a);
  const QuantisedRows mixed(shape.rows, shape.width);
  test::launch(Kernel::kSiluMultiply,
               SiluMultiplyParameters{gate.data(), other.data(), gate.data(), mixed.view(), 355, 355, 355, 3, 352});
  auto sums = a;
  auto gelus = a;
  auto silus = a;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    const std::size_t at = r * shape.stride;
    scalar::kElementwise.add(a.data() + at, b.data() + at, sums.data() + at, shape.width);
    scalar::kElementwise.gelu(a.data() + at, gelus.data() + at, shape.width);
    scalar::kElementwise.silu_multiply(a.data() + at, b.data() + at, silus.data() + at, shape.width);
  }
  EXPECT_TRUE(test::same_bits(sum.content(), sums));
  expect_near(activated.content(), gelus, 1e-5);
  expect_near(gate.content(), silus, 1e-5);
  quantised.expect(shape.dense(activated.content()), shape.rows);
  mixed.expect(shape.dense(gate.content()), shape.rows);
}

TEST_F(CudaTest, OutputsAreSelectedAndTheFirstOfTheLargestIsFound) {
  Random random(5);
  auto in = random.floats(5 * 1500, 3.0F);
  for (const std::size_t at : {1500U + 700U, 1500U + 1499U, 4U * 1500U}) in[at] = 9.0F;
  in[4 * 1500 + 3] = std::numeric_limits<float>::quiet_NaN();
  const DeviceArray<float> rows(in);
  const DeviceArray<std::uint32_t> chosen(std::vector<std::uint32_t>{1, 4});
  const DeviceArray<float> out(2 * 1500);
  test::launch(Kernel::kSelectOutputs,
               SelectOutputsParameters{rows.data(), chosen.data(), out.data(), 1500, 1500, 2, 1500});
  const std::vector<float> selected = out.content();
  EXPECT_EQ(selected[700], 9.0F);
  EXPECT_EQ(selected[1500], 9.0F);
  EXPECT_EQ(selected[1499], 9.0F);
  EXPECT_EQ(selected[12], in[1512]);
  const DeviceArray<std::int32_t> ids(2);
  test::launch(Kernel::kArgmax, ArgmaxParameters{out.data(), ids.data(), 1500, 2, 1500});
  EXPECT_EQ(ids.content(), (std::vector<std::int32_t>{700, 0}));
}

TEST_F(CudaTest, AnglesAndRotations) {
  Random random(6);
  constexpr std::size_t kPairs = 24;
  std::vector<double> frequencies(kPairs);
  fill_frequencies(10000.0, kPairs, nullptr, frequencies.data());
  const std::vector<std::uint32_t> positions = {0, 1, 77777};
  const DeviceArray<std::uint32_t> device_positions(positions);
  const DeviceArray<double> device_frequencies(frequencies);
  const DeviceArray<float> cosines(positions.size() * kPairs);
  const DeviceArray<float> sines(positions.size() * kPairs);
  test::launch(Kernel::kFillRotation, FillRotationParameters{device_positions.data(), device_frequencies.data(),
                                                             cosines.data(), sines.data(), 3, kPairs, 1.25F});
  std::vector<float> c(kPairs);
  std::vector<float> s(kPairs);
  for (const bool interleaved : {false, true}) {
    auto queries = random.floats(3 * 150, 2.0F);
    auto keys = random.floats(3 * 64, 2.0F);
    const DeviceArray<float> device_queries(queries);
    const DeviceArray<float> device_keys(keys);
    // Two heads of 70 that start at 6, and one of 60 at 0.
    test::launch(Kernel::kRotate,
                 RotateParameters{.cosines = cosines.data(),
                                  .sines = sines.data(),
                                  .parts = {{device_queries.data(), 150, 2, 70, 6}, {device_keys.data(), 64, 1, 60, 0}},
                                  .part_count = 2,
                                  .rows = 3,
                                  .pairs = kPairs,
                                  .interleaved = interleaved ? 1U : 0U});
    const auto rotate = interleaved ? scalar::kRotate.interleaved : scalar::kRotate.halves;
    for (std::size_t r = 0; r < 3; ++r) {
      fill_rotation(positions[r], frequencies.data(), kPairs, c.data(), s.data());
      for (float& x : c) x *= 1.25F;
      for (float& x : s) x *= 1.25F;
      rotate(queries.data() + r * 150 + 6, 2, 70, c.data(), s.data(), kPairs);
      rotate(keys.data() + r * 64, 1, 60, c.data(), s.data(), kPairs);
    }
    expect_near(device_queries.content(), queries, 1e-6);
    expect_near(device_keys.content(), keys, 1e-6);
  }
}

class CudaEmbed : public test::CudaTestWith<Format> {};

TEST_P(CudaEmbed, LooksUpTheCpusNumbers) {
  Random random(7);
  const bool panels = info(GetParam()).panel_block_bytes != 0;
  const std::size_t columns = panels ? test::whole_blocks(GetParam(), 96) : 37;
  auto in_order = test::random_rows(random, GetParam(), 40, columns);
  if (GetParam() == Format::kF32) {  // Random bits may be NaNs, which keep no payload.
    const auto floats = random.floats(40 * columns);
    std::memcpy(in_order.data(), floats.data(), in_order.size());
  }
  const DeviceArray<std::byte> table(panels ? test::packed(GetParam(), in_order, 40, columns) : in_order);
  const DeviceArray<std::int32_t> tokens(std::vector<std::int32_t>{39, 0, 17});
  const DeviceArray<std::uint32_t> positions(std::vector<std::uint32_t>{5, 6, 7});
  const std::size_t expected_rows[3][3] = {{39, 0, 17}, {5, 6, 7}, {0, 0, 0}};
  for (const Lookup by : {Lookup::kToken, Lookup::kPosition, Lookup::kFirst}) {
    const DeviceArray<float> out(3 * columns);
    test::launch(Kernel::kEmbed,
                 EmbedParameters{.step = {tokens.data(), positions.data(), nullptr, nullptr, nullptr, 0},
                                 .table = table.data(),
                                 .out = out.data(),
                                 .out_stride = static_cast<std::uint32_t>(columns),
                                 .rows = 3,
                                 .columns = static_cast<std::uint32_t>(columns),
                                 .format = GetParam(),
                                 .by = by,
                                 .scale = 1.5F});
    std::vector<float> expected(3 * columns);
    for (std::size_t r = 0; r < 3; ++r) {
      const std::size_t row = expected_rows[static_cast<std::size_t>(by)][r];
      dequantize_row(GetParam(), in_order.data() + row * row_bytes(GetParam(), columns), columns,
                     expected.data() + r * columns);
    }
    for (float& x : expected) x *= 1.5F;
    EXPECT_TRUE(test::same_bits(out.content(), expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Panels, CudaEmbed, testing::ValuesIn(test::kPanelFormats), test::format_name);
INSTANTIATE_TEST_SUITE_P(Floats, CudaEmbed, testing::ValuesIn(test::kFloatFormats), test::format_name);

}  // namespace
}  // namespace linnet::kernels::cuda
