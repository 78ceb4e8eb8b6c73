#include "models/pack/conversion.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <span>
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

float largest_of(std::span<const float> weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0F,
                         [](float most, float x) { return std::max(most, std::abs(x)); });
}

// What the converted blocks may be off by: nothing; an f16 scale's rounding (2^-11 of the weight, 2^-25 at least); or
// Q6_K's: a step, 1/32 of the group's largest weight, where its sign has no code of that magnitude, and half a multiple
// of the block's scale, 1/254 of the largest of the block's groups.
float bound_of(const Conversion& conversion, std::span<const float> weights, std::size_t i) {
  if (conversion.from == TensorType::kQ2_K) {
    const float group = largest_of(weights.subspan(i / 16 * 16, 16));
    return group / 31 + largest_of(weights.subspan(i / 256 * 256, 256)) / 250;
  }
  // Powers of two below f16's least are rounded too.
  const bool exact_scale = conversion.from != TensorType::kMXFP4 || std::abs(weights[i]) >= 0x1p-24F * 12;
  if (conversion.keeps_weights && exact_scale) return 0.0F;
  return std::abs(weights[i]) * 0x1p-11F + 0x1p-25F * 127;
}

TEST_P(ConversionTest, ConvertsToTheNearestBlocks) {
  const auto& type = gguf::info(GetParam().from);
  const Reference reference = reference_of(GetParam());
  const std::size_t blocks = kWeights / type.block_weights;
  std::vector<std::byte> converted(converted_bytes(GetParam(), blocks));
  convert_blocks(GetParam(), reference.blocks.data(), blocks, converted.data());
  std::vector<float> weights(kWeights);
  kernels::dequantize_row(GetParam().to, converted.data(), kWeights, weights.data());
  for (std::size_t i = 0; i < kWeights; ++i) {
    ASSERT_NEAR(weights[i], reference.weights[i], bound_of(GetParam(), reference.weights, i)) << i;
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
