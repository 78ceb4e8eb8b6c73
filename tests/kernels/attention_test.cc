#include "kernels/attention/attention.h"

#include <cmath>

#include "kernels/formats/half.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels {
namespace {

using test::Guarded;
using test::Random;
using test::Unaligned;

// A part that owns its numbers.
struct Part {
  AttentionShape shape;
  std::size_t stride;
  Guarded<float> maximum;
  Guarded<float> sum;
  Guarded<float> out;

  explicit Part(const AttentionShape& of)
      : shape(of),
        stride(of.heads * of.value_width + 3),
        maximum(of.rows * of.heads, 1),
        sum(of.rows * of.heads),
        out(of.rows * stride, 1) {}
  AttentionPart view() { return {maximum.data(), sum.data(), out.data(), stride}; }
  bool intact() const { return maximum.intact() && sum.intact() && out.intact(); }
  testing::AssertionResult same_as(const Part& other) const {
    if (!intact()) return testing::AssertionFailure() << "wrote beyond the output";
    if (auto same = test::same_bits(maximum.content(), other.maximum.content()); !same) return same << " (maximum)";
    if (auto same = test::same_bits(sum.content(), other.sum.content()); !same) return same << " (sum)";
    return test::same_bits(out.content(), other.out.content()) << " (out)";
  }
};

constexpr CacheFormat kFormats[] = {CacheFormat::kF16, CacheFormat::kQ8};

// Rows `stride` numbers apart, in the format of a cache; what lies between them is noise.
std::vector<std::uint16_t> random_rows(Random& random, CacheFormat format, std::size_t count, std::size_t width,
                                       std::size_t stride) {
  auto rows = random.halves(count * stride);
  if (format == CacheFormat::kF16) return rows;
  for (std::size_t j = 0; j < count; ++j) store_q8_row(random.floats(width).data(), width, rows.data() + j * stride);
  return rows;
}

// What a row says its number is.
float number(CacheFormat format, const std::uint16_t* row, std::size_t width, std::size_t i) {
  return format == CacheFormat::kF16 ? f16_to_f32(row[i])
                                     : q8_scale(row, width) * static_cast<float>(q8_values(row)[i]);
}

// Keys, values and queries of one KV head over `positions`, all random.
struct Scene {
  std::size_t positions;
  std::size_t key_width;
  std::size_t value_width;
  std::size_t rows;
  std::size_t heads;
  CacheFormat format;
  std::size_t key_stride = cache_row_numbers(format, key_width) + 2;
  std::size_t value_stride = cache_row_numbers(format, value_width) + 5;
  std::size_t query_stride = heads * key_width + 1;
  Unaligned<float> queries;
  Unaligned<std::uint16_t> keys;
  Unaligned<std::uint16_t> values;

  Scene(Random& random, std::size_t positions_in, std::size_t key_width_in, std::size_t value_width_in,
        std::size_t rows_in, std::size_t heads_in, CacheFormat format_in = CacheFormat::kF16)
      : positions(positions_in),
        key_width(key_width_in),
        value_width(value_width_in),
        rows(rows_in),
        heads(heads_in),
        format(format_in),
        queries(random.floats(rows * query_stride), 1),
        keys(random_rows(random, format, positions, key_width, key_stride), 1),
        values(random_rows(random, format, positions, value_width, value_stride), 1) {}

  // Positions `first` … of the scene as one page; row 0 sees `seen` positions of the whole scene.
  AttentionPage page(std::size_t first, std::size_t count, std::size_t seen) const {
    return {queries.data(),
            query_stride,
            keys.data() + first * key_stride,
            key_stride,
            values.data() + first * value_stride,
            value_stride,
            count,
            seen - first,
            rows,
            heads,
            key_width,
            value_width,
            0.25F,
            format};
  }
  AttentionShape shape() const { return {rows, heads, value_width}; }
};

class AttentionFormats : public testing::TestWithParam<CacheFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, AttentionFormats, testing::ValuesIn(kFormats),
                         [](const auto& instance) { return instance.param == CacheFormat::kQ8 ? "q8" : "f16"; });

TEST_P(AttentionFormats, EveryVariantGivesTheScalarBitsForOnePage) {
  Random random(9);
  for (const std::size_t width : {1U, 3U, 8U, 15U, 16U, 24U, 33U, 64U, 80U, 128U}) {
    for (const std::size_t positions : {1U, 2U, 7U, 8U, 9U, 16U, 17U, 31U, 100U, 255U, 256U}) {
      for (const std::size_t heads : {1U, 2U, 3U, 4U, 5U, 7U, 9U}) {
        const std::size_t rows = 1 + heads % 3;
        SCOPED_TRACE(testing::Message() << width << " wide, " << positions << " positions, " << heads << " heads");
        const Scene scene(random, positions, width, width + 1, rows, heads, GetParam());
        const std::size_t seen = positions > 2 ? positions - 1 : 1;
        Part expected(scene.shape());
        test::definition(attention_variants())->page(scene.page(0, positions, seen), expected.view());
        test::for_each_variant(attention_variants(), [&](const Attention* variant) {
          Part actual(scene.shape());
          variant->page(scene.page(0, positions, seen), actual.view());
          ASSERT_TRUE(actual.same_as(expected));
        });
        if (HasFatalFailure()) return;
      }
    }
  }
}

// All of a scene: pages of 256 merged in ascending order, then finished.
std::vector<float> attend(const Attention& attention, const Scene& scene) {
  Part all(scene.shape());
  const std::size_t seen = scene.positions - scene.rows + 1;  // The last row sees every position.
  for (std::size_t first = 0; first < scene.positions; first += kPagePositions) {
    const std::size_t count = std::min(kPagePositions, scene.positions - first);
    Part next(scene.shape());
    attention.page(scene.page(first, count, seen), first == 0 ? all.view() : next.view());
    if (first != 0) attention.merge(scene.shape(), all.view(), next.view());
  }
  attention.finish(scene.shape(), all.view());
  EXPECT_TRUE(all.intact());
  return all.out.content();
}

TEST_P(AttentionFormats, EveryVariantGivesTheScalarBitsOverSeveralPages) {
  Random random(10);
  for (const std::size_t positions : {256U + 4U, 512U, 700U}) {
    for (const std::size_t width : {9U, 64U}) {
      const Scene scene(random, positions, width, width, 2, 3, GetParam());
      const auto expected = attend(*test::definition(attention_variants()), scene);
      test::for_each_variant(attention_variants(), [&](const Attention* variant) {
        ASSERT_TRUE(test::same_bits(attend(*variant, scene), expected));
      });
    }
  }
}

TEST_P(AttentionFormats, AgreesWithSoftmaxInDouble) {
  Random random(11);
  const Scene scene(random, 600, 48, 40, 3, 2, GetParam());
  const auto out = attend(*test::definition(attention_variants()), scene);
  const std::size_t stride = Part(scene.shape()).stride;
  for (std::size_t r = 0; r < scene.rows; ++r) {
    for (std::size_t h = 0; h < scene.heads; ++h) {
      const std::size_t seen = scene.positions - scene.rows + 1 + r;
      std::vector<double> weights(seen);
      double sum = 0.0;
      for (std::size_t j = 0; j < seen; ++j) {
        double score = 0.0;
        for (std::size_t i = 0; i < scene.key_width; ++i) {
          score +=
              static_cast<double>(scene.queries.data()[r * scene.query_stride + h * scene.key_width + i]) *
              static_cast<double>(number(scene.format, scene.keys.data() + j * scene.key_stride, scene.key_width, i));
        }
        weights[j] = std::exp(score * 0.25);
        sum += weights[j];
      }
      for (std::size_t d = 0; d < scene.value_width; ++d) {
        double expected = 0.0;
        for (std::size_t j = 0; j < seen; ++j) {
          const std::uint16_t* const value = scene.values.data() + j * scene.value_stride;
          expected += weights[j] / sum * static_cast<double>(number(scene.format, value, scene.value_width, d));
        }
        // Scores reach 10 with an error of about 1e-6; values are below 2.
        EXPECT_NEAR(static_cast<double>(out[r * stride + h * scene.value_width + d]), expected, 1e-5);
      }
    }
  }
}

// Half a step of the largest number's 127th part; a row of zeros, or of what has no scale, is zeros.
TEST(CacheRow, Int8LosesHalfAStepAtMost) {
  Random random(14);
  for (const std::size_t width : {1U, 4U, 7U, 64U, 80U}) {
    for (const float size : {1.0F, 1e-20F, 1e20F, 0.0F, 1e-45F}) {
      auto in = random.floats(width);
      for (float& value : in) value *= size;
      Guarded<std::uint16_t> row(cache_row_numbers(CacheFormat::kQ8, width), 1);
      store_q8_row(in.data(), width, row.data());
      ASSERT_TRUE(row.intact());
      float largest = 0;
      for (const float value : in) largest = std::max(largest, std::fabs(value));
      for (std::size_t i = 0; i < width; ++i) {
        const float kept = number(CacheFormat::kQ8, row.data(), width, i);
        ASSERT_LE(std::fabs(kept - in[i]), largest / 127 * 0.5001F + 1e-38F) << size << " " << i;
      }
    }
  }
}

TEST(AttentionTest, RowsDoNotDependOnTheirBatch) {
  Random random(12);
  const Scene scene(random, 300, 32, 32, 3, 4);
  test::for_each_variant(attention_variants(), [&](const Attention* variant) {
    Part together(scene.shape());
    variant->page(scene.page(0, 256, 255), together.view());
    for (std::size_t r = 0; r < 3; ++r) {
      AttentionPage page = scene.page(0, 256, 255 + r);
      page.rows = 1;
      page.queries += r * scene.query_stride;
      Part alone({1, 4, 32});
      variant->page(page, alone.view());
      EXPECT_EQ(test::bits_of(alone.sum.content()),
                test::bits_of(std::vector<float>(together.sum.data() + 4 * r, together.sum.data() + 4 * r + 4)));
      for (std::size_t i = 0; i < 128; ++i)
        ASSERT_EQ(alone.out.data()[i], together.out.data()[r * together.stride + i]);
    }
  });
}

TEST(AttentionTest, KeysThatAreNotFiniteTrapNothing) {
  Random random(13);
  for (const std::uint16_t odd : {std::uint16_t{0x7C00}, std::uint16_t{0xFC00}, std::uint16_t{0x7E00}}) {
    Scene scene(random, 40, 16, 16, 1, 2);
    scene.keys = Unaligned<std::uint16_t>(std::vector<std::uint16_t>(40 * scene.key_stride, odd), 1);
    test::for_each_variant(attention_variants(), [&](const Attention* variant) { attend(*variant, scene); });
  }
}

}  // namespace
}  // namespace linnet::kernels
