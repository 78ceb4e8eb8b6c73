// Attention on the GPU against a plain softmax in double, over scattered pages, rings and windows.
#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/attention/cache_row.h"
#include "kernels/formats/half.h"
#include "tests/kernels/cuda/machine.h"
#include "tests/kernels/fixtures.h"

namespace linnet::kernels::cuda {
namespace {

using test::DeviceArray;
using test::Random;

// Two sequences with `length` positions each; a step of `rows` rows at the end of each.
struct Case {
  const char* name;
  std::uint32_t heads;
  std::uint32_t kv_heads;
  std::uint32_t width;
  std::uint32_t length;
  std::uint32_t rows;
  std::uint32_t window = 0;
  std::uint32_t ring = 0;
  bool masked = true;
  bool values_in_keys = false;
  CacheFormat format = CacheFormat::kF16;
};

// A cache that was filled by kv_store, position by position, and a step's queries.
class World {
 public:
  explicit World(const Case& c)
      : case_(c),
        value_width_(c.values_in_keys ? c.width / 2 : c.width),
        row_(static_cast<std::uint32_t>(cache_row_numbers(c.format, c.width))),
        pages_((c.length + 255) / 256),
        page_(std::size_t{c.kv_heads} * 256 * row_ * (c.values_in_keys ? 1 : 2)),
        random_(c.length + c.rows),
        keys_(random_.floats(std::size_t{2} * c.length * c.kv_heads * c.width, 1.0F)),
        values_(random_.floats(std::size_t{2} * c.length * c.kv_heads * c.width, 1.0F)),
        queries_(random_.floats(std::size_t{2} * c.rows * c.heads * c.width, 2.0F)),
        numbers_(page_ * 2 * (c.ring != 0 ? c.ring : pages_)),
        tables_(tables(pages_)) {
    // In pieces that a ring can hold, as steps come.
    for (std::uint32_t first = 0; first < c.length; first += kPiece) store(first, std::min(kPiece, c.length - first));
    std::vector<std::uint32_t> positions;
    std::vector<std::uint32_t> sequences;
    std::vector<std::uint32_t> sees;
    for (std::uint32_t i = 0; i < 2 * c.rows; ++i) {
      sequences.push_back(i / c.rows);
      positions.push_back(c.length - c.rows + i % c.rows);
      sees.push_back(c.masked ? positions.back() + 1 : c.length);
    }
    step_ = step(positions, sequences, sees);
    device_queries_ = DeviceArray<float>(queries_).data();
    stored_keys_ = stored(keys_);
    stored_values_ = c.values_in_keys ? stored_keys_ : stored(values_);
  }

  [[nodiscard]] AttendShape shape() const {
    return {device_queries_, case_.heads * case_.width, case_.heads, case_.kv_heads, case_.width, value_width_, kScale,
            case_.window};
  }
  [[nodiscard]] const StepRows& rows() const { return step_; }
  [[nodiscard]] std::uint32_t row_count() const { return 2 * case_.rows; }
  [[nodiscard]] std::uint32_t out_width() const { return case_.heads * value_width_; }
  [[nodiscard]] KvPlace place() const {
    return {.numbers = numbers_.data(),
            .page = page_,
            .key_row = row_,
            .value_row = row_,
            .values = case_.values_in_keys ? 0 : case_.kv_heads * 256 * row_,
            .ring = case_.ring,
            .is_q8 = case_.format == CacheFormat::kQ8 ? 1U : 0U};
  }

  // Each row that the last page of each sequence holds is the one that the processor would have stored.
  void expect_rows_of_the_processor() const {
    const std::vector<std::uint16_t> numbers = numbers_.content();
    const std::vector<std::uint32_t> table = tables_.content();
    for (std::uint32_t sequence = 0; sequence < 2; ++sequence) {
      const std::uint32_t last = pages_ - 1;
      const std::size_t page =
          case_.ring != 0 ? sequence * case_.ring + last % case_.ring : table[sequence * pages_ + last];
      for (std::uint32_t position = last * 256; position < case_.length; ++position) {
        for (std::uint32_t head = 0; head < case_.kv_heads; ++head) {
          const std::size_t keys = page * page_ + (std::size_t{head} * 256 + position % 256) * row_;
          const std::size_t from = at(sequence, position, head);
          EXPECT_TRUE(std::ranges::equal(row_of(&keys_[from]), std::span(&numbers[keys], row_)));
          const std::size_t values = keys + std::size_t{case_.kv_heads} * 256 * row_;
          EXPECT_TRUE(std::ranges::equal(row_of(&values_[from]), std::span(&numbers[values], row_)));
        }
      }
    }
  }

  void expect(const std::vector<float>& out, double tolerance) const {
    for (std::uint32_t r = 0; r < row_count(); ++r) {
      for (std::uint32_t h = 0; h < case_.heads; ++h) {
        const std::vector<double> expected = attend(r, h);
        for (std::uint32_t d = 0; d < value_width_; ++d) {
          ASSERT_NEAR(out[std::size_t{r} * out_width() + h * value_width_ + d], expected[d], tolerance)
              << "row " << r << ", head " << h << ", number " << d;
        }
      }
    }
  }

 private:
  static constexpr std::uint32_t kPiece = 100;
  static constexpr float kScale = 0.125F;

  // Pages of both sequences, none where its number says.
  static std::vector<std::uint32_t> tables(std::uint32_t pages) {
    std::vector<std::uint32_t> tables;
    for (std::uint32_t i = 0; i < 2 * pages; ++i) tables.push_back(2 * pages - 1 - i);
    return tables;
  }

  StepRows step(const std::vector<std::uint32_t>& positions, const std::vector<std::uint32_t>& sequences,
                const std::vector<std::uint32_t>& sees) const {
    return {nullptr,
            DeviceArray<std::uint32_t>(positions).data(),
            DeviceArray<std::uint32_t>(sequences).data(),
            DeviceArray<std::uint32_t>(sees).data(),
            tables_.data(),
            pages_};
  }

  [[nodiscard]] std::size_t at(std::uint32_t sequence, std::uint32_t position, std::uint32_t head) const {
    return ((std::size_t{sequence} * case_.length + position) * case_.kv_heads + head) * case_.width;
  }

  void store(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t sequence = 0; sequence < 2; ++sequence) {
      std::vector<std::uint32_t> positions;
      for (std::uint32_t i = 0; i < count; ++i) positions.push_back(first + i);
      const std::uint32_t width = case_.kv_heads * case_.width;
      const auto rows_of = [&](const std::vector<float>& all) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at(sequence, first, 0));
        return DeviceArray<float>(std::vector<float>(begin, begin + std::ptrdiff_t{count} * width)).data();
      };
      test::launch(kv_store_kernel(place()),
                   KvStoreParameters{.step = step(positions, std::vector<std::uint32_t>(count, sequence), positions),
                                     .place = place(),
                                     .keys = rows_of(keys_),
                                     .values = case_.values_in_keys ? nullptr : rows_of(values_),
                                     .key_stride = width,
                                     .value_stride = width,
                                     .rows = count,
                                     .kv_heads = case_.kv_heads,
                                     .key_width = case_.width,
                                     .value_width = case_.width});
    }
  }

  [[nodiscard]] std::vector<double> attend(std::uint32_t row, std::uint32_t head) const {
    const std::uint32_t sequence = row / case_.rows;
    const std::uint32_t position = case_.length - case_.rows + row % case_.rows;
    const std::uint32_t end = case_.masked ? position + 1 : case_.length;
    const std::uint32_t begin = case_.window != 0 && end > case_.window ? end - case_.window : 0;
    const std::uint32_t kv_head = head / (case_.heads / case_.kv_heads);
    std::vector<double> scores;
    for (std::uint32_t j = begin; j < end; ++j) {
      double dot = 0;
      for (std::uint32_t d = 0; d < case_.width; ++d) {
        dot += static_cast<double>(queries_[(std::size_t{row} * case_.heads + head) * case_.width + d]) *
               stored_keys_[at(sequence, j, kv_head) + d];
      }
      scores.push_back(dot * static_cast<double>(kScale));
    }
    const double maximum = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    std::vector<double> out(value_width_);
    for (std::uint32_t j = begin; j < end; ++j) {
      const double weight = std::exp(scores[j - begin] - maximum);
      sum += weight;
      for (std::uint32_t d = 0; d < value_width_; ++d) out[d] += weight * stored_values_[at(sequence, j, kv_head) + d];
    }
    for (double& x : out) x /= sum;
    return out;
  }

  // A row as the processor stores it, and all rows as attention then reads them.
  [[nodiscard]] std::vector<std::uint16_t> row_of(const float* numbers) const {
    std::vector<std::uint16_t> row(row_);
    if (case_.format == CacheFormat::kQ8) {
      store_q8_row(numbers, case_.width, row.data());
    } else {
      std::transform(numbers, numbers + case_.width, row.begin(), f32_to_f16);
    }
    return row;
  }
  [[nodiscard]] std::vector<double> stored(const std::vector<float>& numbers) const {
    std::vector<double> read;
    for (std::size_t first = 0; first < numbers.size(); first += case_.width) {
      const std::vector<std::uint16_t> row = row_of(&numbers[first]);
      for (std::uint32_t d = 0; d < case_.width; ++d) {
        read.push_back(case_.format == CacheFormat::kQ8
                           ? static_cast<double>(q8_scale(row.data(), case_.width)) * q8_values(row.data())[d]
                           : static_cast<double>(f16_to_f32(row[d])));
      }
    }
    return read;
  }

  Case case_;
  std::uint32_t value_width_;
  std::uint32_t row_;  // Numbers of 16 bits.
  std::uint32_t pages_;
  std::size_t page_;
  Random random_;
  std::vector<float> keys_;
  std::vector<float> values_;
  std::vector<float> queries_;
  std::vector<double> stored_keys_;
  std::vector<double> stored_values_;
  DeviceArray<std::uint16_t> numbers_;
  DeviceArray<std::uint32_t> tables_;
  StepRows step_{};
  const float* device_queries_ = nullptr;
};

class CudaAttention : public test::CudaTestWith<Case> {};

std::vector<float> in_parts(const World& world, std::uint32_t parts, Q8Rows quantised = {}) {
  const std::uint32_t rows = world.row_count();
  const std::size_t pieces = std::size_t{rows} * world.shape().heads * parts;
  const DeviceArray<float> maxima(pieces);
  const DeviceArray<float> sums(pieces);
  const DeviceArray<float> part_out(pieces * world.shape().value_width);
  const DeviceArray<float> out(std::size_t{rows} * world.out_width());
  test::launch(attend_parts_kernel(world.place()),
               AttendPartsParameters{world.rows(), world.place(), world.shape(), maxima.data(), sums.data(),
                                     part_out.data(), rows, parts});
  test::launch(Kernel::kAttendMerge, AttendMergeParameters{.step = world.rows(),
                                                           .maxima = maxima.data(),
                                                           .sums = sums.data(),
                                                           .part_out = part_out.data(),
                                                           .out = out.data(),
                                                           .quantised = quantised,
                                                           .out_stride = world.out_width(),
                                                           .rows = rows,
                                                           .parts = parts,
                                                           .heads = world.shape().heads,
                                                           .value_width = world.shape().value_width,
                                                           .window = world.shape().window});
  return out.content();
}

TEST_P(CudaAttention, StoresTheProcessorsRows) {
  if (GetParam().values_in_keys) GTEST_SKIP() << "no values of their own";
  World(GetParam()).expect_rows_of_the_processor();
}

TEST_P(CudaAttention, PartsMergeToTheSoftmax) {
  const World world(GetParam());
  for (const std::uint32_t parts : {1U, 3U, 64U}) {
    if (parts > 3 && GetParam().rows > 3) continue;  // Blocks without work, slow on the host.
    SCOPED_TRACE(testing::Message() << parts << " parts");
    const auto out = in_parts(world, parts);
    world.expect(out, 1e-5);
    if (GetParam().rows == 1) {
      EXPECT_TRUE(test::same_bits(in_parts(world, parts), out));
    }
    if (HasFatalFailure()) return;
  }
  const std::size_t columns = world.out_width();
  if (columns % 32 != 0) return;
  const DeviceArray<std::int8_t> values(world.row_count() * columns);
  const DeviceArray<float> scales(world.row_count() * columns / 32);
  const test::OwnedActivations expected(in_parts(world, 3, {values.data(), scales.data()}), world.row_count());
  EXPECT_TRUE(test::same_bits(values.content(), expected.values_in_rows()));
  EXPECT_TRUE(test::same_bits(scales.content(), expected.scales_in_rows()));
}

TEST_P(CudaAttention, TilesGiveTheSoftmax) {
  const World world(GetParam());
  if (!attend_tiles_serve(world.shape())) GTEST_SKIP() << "heads of another width";
  std::vector<AttendTile> tiles;
  const std::uint32_t most = attend_tile_rows(world.shape());
  for (std::uint32_t sequence = 0; sequence < 2; ++sequence) {
    for (std::uint32_t first = 0; first < GetParam().rows; first += most) {
      tiles.push_back({sequence * GetParam().rows + first, std::min(most, GetParam().rows - first)});
    }
  }
  const DeviceArray<AttendTile> device_tiles(tiles);
  const DeviceArray<float> out(std::size_t{world.row_count()} * world.out_width());
  const AttendTilesParameters p{.step = world.rows(),
                                .place = world.place(),
                                .shape = world.shape(),
                                .tiles = device_tiles.data(),
                                .out = out.data(),
                                .out_stride = world.out_width(),
                                .tile_count = static_cast<std::uint32_t>(tiles.size())};
  test::launch(attend_tiles_kernel(world.place(), world.shape()), p);
  // Queries and weights have 22 bits, f16 keys and values their own; int8 ones are rounded to 11.
  world.expect(out.content(), world.place().is_q8 != 0 ? 2e-3 : 1e-5);
}

Case int8(Case c) {
  c.format = CacheFormat::kQ8;
  return c;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CudaAttention,
    testing::Values(Case{"one", 4, 4, 64, 1, 1}, Case{"decode", 14, 2, 64, 333, 1},
                    int8(Case{"one_q8", 4, 4, 64, 1, 1}), int8(Case{"decode_q8", 14, 2, 64, 333, 1}),
                    int8(Case{"group_of_seven_q8", 14, 2, 128, 300, 3}), int8(Case{"prompt_q8", 12, 2, 128, 150, 25}),
                    int8(Case{"prompt_64_q8", 4, 4, 64, 140, 20}), int8(Case{"ring_q8", 4, 2, 128, 900, 20, 100, 2}),
                    int8(Case{"wide_q8", 4, 1, 256, 90, 2}), int8(Case{"odd_q8", 3, 1, 36, 90, 2}),
                    Case{"group_of_seven", 14, 2, 128, 300, 3}, Case{"prompt", 12, 2, 128, 150, 25},
                    Case{"prompt_64", 4, 4, 64, 140, 20}, Case{"window", 8, 4, 64, 700, 12, 130},
                    Case{"ring", 4, 2, 128, 900, 20, 100, 2}, Case{"encoder", 6, 6, 32, 33, 33, 0, 0, false},
                    Case{"encoder_64", 2, 2, 64, 75, 75, 0, 0, false},
                    Case{"latent", 40, 1, 64, 130, 2, 0, 0, true, true}, Case{"wide", 4, 1, 256, 90, 2},
                    Case{"odd", 3, 1, 36, 90, 2}),
    [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace linnet::kernels::cuda
