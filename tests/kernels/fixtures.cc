#include "tests/kernels/fixtures.h"

#include <cstring>

namespace linnet::test {

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

std::vector<float> Random::floats(std::size_t count, float magnitude) {
  std::vector<float> numbers(count);
  for (float& number : numbers) number = unit() * magnitude;
  return numbers;
}

std::vector<std::byte> Random::bytes(std::size_t count) {
  std::vector<std::byte> numbers(count);
  for (std::byte& number : numbers) number = static_cast<std::byte>(next() >> 56);
  return numbers;
}

std::vector<std::uint16_t> Random::halves(std::size_t count) {
  std::vector<std::uint16_t> numbers(count);
  for (std::uint16_t& number : numbers) number = static_cast<std::uint16_t>((next() >> 48) & 0xBFFFU);
  return numbers;
}

OwnedActivations::OwnedActivations(const std::vector<float>& floats, std::size_t row_count, kernels::Format format,
                                   std::size_t terms)
    : values(floats.size() * terms),
      scales(values.size() / kernels::kActivationBlock),
      sums(scales.size()),
      rows(row_count * terms),
      columns(floats.size() / row_count) {
  const kernels::Q8Row all{values.data(), scales.data(), sums.data(), 1};
  for (std::size_t r = 0; r < row_count; ++r) {
    std::vector<kernels::Q8Row> of_terms;
    for (std::size_t t = 0; t < terms; ++t) {
      of_terms.push_back(
          kernels::q8_row(all, kernels::q8_place(r * terms + t, rows, columns / kernels::kActivationBlock)));
    }
    definition(kernels::quantize_variants())(floats.data() + r * columns, columns, kernels::info(format).joined,
                                             of_terms.data(), terms);
  }
}

std::vector<std::int8_t> OwnedActivations::values_in_rows() const {
  std::vector<std::int8_t> out(values.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t column = i % columns;
    out[i] =
        values[view().place(i / columns).value(column / kernels::kActivationBlock, column % kernels::kActivationBlock)];
  }
  return out;
}

std::vector<float> OwnedActivations::scales_in_rows() const {
  std::vector<float> out(scales.size());
  const std::size_t blocks = view().blocks();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const kernels::Q8Place place = view().place(i / blocks);
    out[i] = scales[place.first + i % blocks * place.stride];
  }
  return out;
}

std::vector<std::size_t> half_offsets(kernels::Format format) {
  switch (format) {
    case kernels::Format::kQ4_1:
    case kernels::Format::kQ5_1:
    case kernels::Format::kQ4_K:
    case kernels::Format::kQ5_K: return {0, 2};
    case kernels::Format::kQ6_K: return {208};
    default: return {0};
  }
}

std::size_t whole_blocks(kernels::Format format, std::size_t columns) {
  const std::size_t block = kernels::info(format).block_weights;
  return (columns + block - 1) / block * block;
}

std::vector<std::byte> random_rows(Random& random, kernels::Format format, std::size_t rows, std::size_t columns) {
  std::vector<std::byte> bytes = random.bytes(rows * kernels::row_bytes(format, columns));
  const kernels::FormatInfo& info = kernels::info(format);
  const std::vector<std::size_t> offsets = half_offsets(format);
  for (std::size_t block = 0; block < bytes.size(); block += info.block_bytes) {
    const std::vector<std::uint16_t> scales = random.halves(offsets.size());
    for (std::size_t i = 0; i < offsets.size(); ++i) std::memcpy(bytes.data() + block + offsets[i], &scales[i], 2);
  }
  return bytes;
}

std::vector<std::byte> packed(kernels::Format format, const std::vector<std::byte>& rows_in_order, std::size_t rows,
                              std::size_t columns) {
  std::vector<std::byte> panels(kernels::panel_bytes(format, rows, columns));
  kernels::pack_panels(format, rows_in_order.data(), rows, columns, panels.data());
  return panels;
}

std::string format_name(const testing::TestParamInfo<kernels::Format>& format) {
  return std::string(kernels::info(format.param).name);
}

}  // namespace linnet::test
