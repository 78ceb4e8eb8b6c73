// Seeded inputs, guarded buffers and bit-exact comparison for kernel tests.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hal/cpu.h"
#include "kernels/formats/format.h"
#include "kernels/quantize/quantize.h"
#include "kernels/variant.h"

namespace linnet::test {

// SplitMix64 (Steele, Lea and Flood 2014); its floats are made by exact operations, so every machine draws the same.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((next() >> 32) % bound); }
  // In [-1, 1), multiples of 2^-23.
  float unit() { return static_cast<float>(static_cast<std::int32_t>(next() >> 40) - (1 << 23)) * 0x1p-23F; }
  std::vector<float> floats(std::size_t count, float magnitude = 1.0F);
  std::vector<std::byte> bytes(std::size_t count);
  // f16 numbers of magnitude below 2.
  std::vector<std::uint16_t> halves(std::size_t count);

 private:
  std::uint64_t state_;
};

// `content` at an address that is aligned to nothing beyond its type, ending where its allocation ends.
template <class T>
class Unaligned {
 public:
  Unaligned(const std::vector<T>& content, std::size_t offset) : offset_(offset), storage_(offset) {
    storage_.insert(storage_.end(), content.begin(), content.end());
  }
  const T* data() const { return storage_.data() + offset_; }

 private:
  std::size_t offset_;
  std::vector<T> storage_;
};

// Room for an output between two walls that a kernel must leave standing.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t count, std::size_t offset = 0)
      : first_(kWall + offset), count_(count), storage_(count + 2 * kWall + offset, kStone) {}
  Guarded(const std::vector<T>& content, std::size_t offset) : Guarded(content.size(), offset) {
    for (std::size_t i = 0; i < content.size(); ++i) storage_[first_ + i] = content[i];
  }
  T* data() { return storage_.data() + first_; }
  std::vector<T> content() const {
    return {storage_.begin() + static_cast<std::ptrdiff_t>(first_),
            storage_.begin() + static_cast<std::ptrdiff_t>(first_ + count_)};
  }
  bool intact() const {
    for (std::size_t i = 0; i < storage_.size(); ++i) {
      if ((i < first_ || i >= first_ + count_) && storage_[i] != kStone) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kWall = 32;
  static constexpr T kStone = static_cast<T>(77);
  std::size_t first_;
  std::size_t count_;
  std::vector<T> storage_;
};

template <class T>
[[nodiscard]] std::vector<std::uint32_t> bits_of(const std::vector<T>& values) {
  std::vector<std::uint32_t> bits;
  bits.reserve(values.size());
  for (const T value : values) {
    if constexpr (sizeof(T) == 4) {
      bits.push_back(std::bit_cast<std::uint32_t>(value));
    } else {
      bits.push_back(static_cast<std::uint32_t>(value));
    }
  }
  return bits;
}

// The same bits, or the first place where they differ.
template <class T>
[[nodiscard]] testing::AssertionResult same_bits(const std::vector<T>& actual, const std::vector<T>& expected) {
  const auto a = bits_of(actual);
  const auto e = bits_of(expected);
  if (a.size() != e.size()) return testing::AssertionFailure() << a.size() << " numbers, not " << e.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != e[i]) {
      return testing::AssertionFailure() << "number " << i << " is " << +actual[i] << " (" << std::hex << a[i]
                                         << "), not " << +expected[i] << " (" << e[i] << ")";
    }
  }
  return testing::AssertionSuccess();
}

// Calls `check(variant)` for every variant that this processor runs, traced by name.
template <class Function, class Check>
void for_each_variant(kernels::Variants<Function> variants, Check check) {
  static const CpuFeatures cpu = hal::detect_cpu_features();
  ASSERT_FALSE(variants.empty());
  EXPECT_EQ(variants.back().name, "scalar");
  for (const auto& variant : variants) {
    if (!cpu.covers(variant.needs)) continue;
    SCOPED_TRACE(std::string(variant.name));
    check(variant.function);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// The definition that every other variant must match.
template <class Function>
[[nodiscard]] Function definition(kernels::Variants<Function> variants) {
  return variants.back().function;
}

// Int8 activations that own their numbers, quantised by the scalar definition.
struct OwnedActivations {
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  std::size_t rows;  // All terms of all rows.
  std::size_t columns;

  // With as many blocks under one scale as products with `format` want.
  OwnedActivations(const std::vector<float>& floats, std::size_t row_count,
                   kernels::Format format = kernels::Format::kQ8_0, std::size_t terms = 1);
  [[nodiscard]] kernels::Q8Activations view() const {
    return {values.data(), scales.data(), sums.data(), rows, columns};
  }
  // [rows, columns] and [rows, columns / 32]: rows one after the other, as a GPU's kernels have them.
  [[nodiscard]] std::vector<std::int8_t> values_in_rows() const;
  [[nodiscard]] std::vector<float> scales_in_rows() const;
};

// Where a block's f16 numbers lie: its scale and, where it has one, its minimum.
[[nodiscard]] std::vector<std::size_t> half_offsets(kernels::Format format);

// `columns`, or more where the format's blocks are larger than they are.
[[nodiscard]] std::size_t whole_blocks(kernels::Format format, std::size_t columns);

// A seeded matrix in panels: random codes (every byte value) with f16 scales of magnitude below 2.
[[nodiscard]] std::vector<std::byte> random_rows(Random& random, kernels::Format format, std::size_t rows,
                                                 std::size_t columns);
[[nodiscard]] std::vector<std::byte> packed(kernels::Format format, const std::vector<std::byte>& rows_in_order,
                                            std::size_t rows, std::size_t columns);

// Names the instances of a suite over formats.
[[nodiscard]] std::string format_name(const testing::TestParamInfo<kernels::Format>& format);

inline constexpr kernels::Format kPanelFormats[] = {
    kernels::Format::kQ8_0, kernels::Format::kQ4_0,   kernels::Format::kQ4_1,   kernels::Format::kQ5_0,
    kernels::Format::kQ5_1, kernels::Format::kIQ4_NL, kernels::Format::kQ4_K,   kernels::Format::kQ5_K,
    kernels::Format::kQ6_K, kernels::Format::kQ4_64,  kernels::Format::kQ4_128, kernels::Format::kQ8_128};
inline constexpr kernels::Format kFloatFormats[] = {kernels::Format::kF32, kernels::Format::kF16,
                                                    kernels::Format::kBF16};

}  // namespace linnet::test
