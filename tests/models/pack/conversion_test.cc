#include "models/pack/conversion.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "tests/source_tree.h"

namespace linnet::pack {
namespace {

using gguf::TensorType;

constexpr std::size_t kWeights = 1024;

struct Reference {
  std::vector<std::byte> blocks;
  std::vector<float> weights;
};

// Files of tests/data/kernels/make_formats.py: random blocks, and these de-quantised by the `gguf` package.
Reference read_reference(const gguf::TensorTypeInfo& type) {
  const std::string name = std::string(type.name) + ".blocks";
  std::ifstream file(test::source_tree() / "tests/data/kernels" / name, std::ios::binary);
  Reference reference{std::vector<std::byte>(kWeights / type.block_weights * type.block_bytes),
                      std::vector<float>(kWeights)};
  file.read(reinterpret_cast<char*>(reference.blocks.data()), static_cast<std::streamsize>(reference.blocks.size()));
  file.read(reinterpret_cast<char*>(reference.weights.data()), kWeights * sizeof(float));
  EXPECT_TRUE(file) << name;
  return reference;
}

// The package de-quantises no Q8_K: its formula (ggml's block_q8_K) is one product.
Reference make_q8_k() {
  Reference reference{std::vector<std::byte>(kWeights / 256 * 292), std::vector<float>(kWeights)};
  for (std::size_t b = 0; b < kWeights / 256; ++b) {
    const float scale = 0.01F * static_cast<float>(b + 1);
    std::memcpy(reference.blocks.data() + b * 292, &scale, 4);
    for (std::size_t i = 0; i < 256; ++i) {
      reference.blocks[b * 292 + 4 + i] = static_cast<std::byte>(i);
      reference.weights[256 * b + i] = scale * static_cast<float>(static_cast<std::int8_t>(i));
    }
  }
  return reference;
}

Reference reference_of(const Conversion& conversion) {
  return conversion.from == TensorType::kQ8_K ? make_q8_k() : read_reference(gguf::info(conversion.from));
}

class ConversionTest : public testing::TestWithParam<Conversion> {};

TEST_P(ConversionTest, DequantisesAsThePackageDoes) {
  const auto& type = gguf::info(GetParam().from);
  const Reference reference = reference_of(GetParam());
  std::vector<float> weights(kWeights);
  for (std::size_t i = 0; i < kWeights / type.block_weights; ++i) {
    GetParam().dequantize(reference.blocks.data() + i * type.block_bytes, weights.data() + i * type.block_weights);
  }
  for (std::size_t i = 0; i < kWeights; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(weights[i]), std::bit_cast<std::uint32_t>(reference.weights[i])) << i;
  }
}

// What the converted blocks may be off by: nothing, an f16 scale's rounding (2^-11 of the weight), or half a step of
// Q6_K (1/62 of a group's largest magnitude, and as much again for the rounding of its scale).
TEST_P(ConversionTest, ConvertsToTheNearestBlocks) {
  const auto& type = gguf::info(GetParam().from);
  const Reference reference = reference_of(GetParam());
  const std::size_t blocks = kWeights / type.block_weights;
  std::vector<std::byte> converted(converted_bytes(GetParam(), blocks));
  convert_blocks(GetParam(), reference.blocks.data(), blocks, converted.data());
  std::vector<float> weights(kWeights);
  kernels::dequantize_row(GetParam().to, converted.data(), kWeights, weights.data());
  for (std::size_t i = 0; i < kWeights; ++i) {
    const float expected = reference.weights[i];
    if (GetParam().keeps_weights) {
      ASSERT_EQ(weights[i], expected) << i;
      continue;
    }
    const auto group = reference.weights.begin() + static_cast<std::ptrdiff_t>(i / 16 * 16);
    const auto largest = [](float most, float x) { return std::max(most, std::abs(x)); };
    const float bound = GetParam().from == TensorType::kQ2_K
                            ? std::accumulate(group, group + 16, 0.0F, largest) * (1.0F / 31 + 0.02F)
                            : std::abs(expected) * 0x1p-11F + 0x1p-25F * 127;
    ASSERT_NEAR(weights[i], expected, bound) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ConversionTest, testing::ValuesIn(conversions().begin(), conversions().end()),
                         [](const auto& instance) { return std::string(gguf::info(instance.param.from).name); });

TEST(ConversionTable, NoTypeHasBothAKernelAndAConversion) {
  for (const Conversion& conversion : conversions()) {
    EXPECT_FALSE(kernels::info(conversion.to).name == gguf::info(conversion.from).name);
    EXPECT_EQ(tensor_type_of(conversion.to).block_bytes, kernels::info(conversion.to).block_bytes);
  }
  EXPECT_EQ(find_conversion(TensorType::kQ4_K), nullptr);
  EXPECT_EQ(find_conversion(TensorType::kIQ2_XXS), nullptr);
}

}  // namespace
}  // namespace linnet::pack
