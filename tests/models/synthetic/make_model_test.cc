#include "models/synthetic/make_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/formats/format.h"
#include "models/gguf/reader.h"

namespace linnet::synthetic {
namespace {

using gguf::Reader;
using gguf::TensorType;
using testing::HasSubstr;

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

std::vector<std::byte> made(const Options& options) {
  gguf::MemorySink sink;
  const auto summary = make_model(options, sink, kGoOn);
  EXPECT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->file_bytes, sink.bytes().size());
  return {sink.bytes().begin(), sink.bytes().end()};
}

// A model's file with its layers, width and feed-forward cut down, so that it is made in a blink.
std::vector<std::byte> made_small(std::string_view like) {
  Shape shape = *find_shape(like);
  shape.layers = 2;
  shape.width = 64;
  shape.feed_forward = 96;
  gguf::MemorySink sink;
  EXPECT_TRUE(make_model(shape, TensorType::kQ4_0, 0, sink, kGoOn));
  return {sink.bytes().begin(), sink.bytes().end()};
}

std::vector<float> decoded(const gguf::Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.weights()));
  const auto columns = static_cast<std::size_t>(tensor.columns());
  for (const auto format : kernels::all_formats()) {
    if (kernels::info(format).name != tensor.type->name) continue;
    for (std::size_t row = 0; row < tensor.rows(); ++row) {
      kernels::dequantize_row(format, tensor.data.data() + row * kernels::row_bytes(format, columns), columns,
                              &values[row * columns]);
    }
  }
  return values;
}

TEST(MakeModel, WritesEveryTypeWithWeightsOfUnitGain) {
  for (const auto type :
       {TensorType::kF32, TensorType::kF16, TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ4_1}) {
    const auto file = made({"tiny", type, 3});
    const auto reader = Reader::open(file);
    ASSERT_TRUE(reader) << reader.error().message;
    const auto* up = reader->find_tensor("blk.1.ffn_up.weight");
    ASSERT_NE(up, nullptr);
    EXPECT_EQ(up->type->type, type);
    double sum = 0;
    double square = 0;
    const auto values = decoded(*up);
    for (const float value : values) {
      ASSERT_TRUE(std::isfinite(value));
      sum += value;
      square += double{value} * value;
    }
    const auto count = static_cast<double>(values.size());
    EXPECT_NEAR(std::sqrt(square / count), 1 / std::sqrt(128.0), 0.02) << up->type->name;
    EXPECT_NEAR(sum / count, 0.0, 0.004) << up->type->name;
  }
}

TEST(MakeModel, NeverWritesMinus128) {
  const auto file = made({"tiny", TensorType::kQ8_0, 1});
  const auto reader = *Reader::open(file);
  const auto data = reader.find_tensor("token_embd.weight")->data;
  std::size_t least = 0;
  for (std::size_t block = 0; block < data.size(); block += 34) {
    for (std::size_t i = 2; i < 34; ++i) {
      EXPECT_NE(data[block + i], std::byte{0x80});
      if (data[block + i] == std::byte{0x81}) ++least;
    }
  }
  EXPECT_GT(least, 0U);
}

TEST(MakeModel, DescribesTheArchitecture) {
  const auto file = made_small("qwen3-0.6b");
  const auto reader = *Reader::open(file);
  EXPECT_EQ(*reader.string("general.architecture"), "qwen3");
  EXPECT_EQ(*reader.u32("qwen3.block_count"), 2U);
  EXPECT_EQ(*reader.u32("qwen3.attention.key_length"), 128U);
  EXPECT_EQ(reader.strings("tokenizer.ggml.tokens")->size(), 151'936U);
  const auto* query = reader.find_tensor("blk.1.attn_q.weight");
  EXPECT_EQ(query->columns(), 64U);
  EXPECT_EQ(query->rows(), 2048U);
  EXPECT_EQ(reader.find_tensor("blk.0.attn_q_norm.weight")->columns(), 128U);
  EXPECT_EQ(reader.find_tensor("blk.0.attn_q.bias"), nullptr);
  EXPECT_EQ(reader.find_tensor("token_embd.weight")->type->name, "Q8_0");
  EXPECT_EQ(reader.find_tensor("output.weight"), nullptr);
}

// Goldens: base frequency over scaled frequency as transformers 4's llama3 rope computes them (head width 64, base
// 500,000, factor 32, low 1, high 4, original context 8,192).
TEST(MakeModel, ScalesRotationsAsLlama3Does) {
  const auto file = made_small("llama3.2-1b");
  const auto reader = *Reader::open(file);
  const auto factors = decoded(*reader.find_tensor("rope_freqs.weight"));
  ASSERT_EQ(factors.size(), 32U);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(factors[i], 1.0F);
  EXPECT_NEAR(factors[15], 1.651329F, 1e-5F);
  EXPECT_NEAR(factors[16], 3.292263F, 1e-5F);
  EXPECT_NEAR(factors[17], 9.666731F, 1e-5F);
  for (std::size_t i = 18; i < 32; ++i) EXPECT_EQ(factors[i], 32.0F);
}

TEST(MakeModel, SeedsDecideEveryByte) {
  EXPECT_EQ(made({"tiny", TensorType::kQ4_0, 1}), made({"tiny", TensorType::kQ4_0, 1}));
  EXPECT_NE(made({"tiny", TensorType::kQ4_0, 1}), made({"tiny", TensorType::kQ4_0, 2}));
}

TEST(MakeModel, RefusesWhatItDoesNotKnow) {
  gguf::MemorySink sink;
  const auto unknown = make_model({"gpt-9", TensorType::kF32, 0}, sink, kGoOn).error();
  EXPECT_EQ(unknown.kind, ErrorKind::kUsage);
  EXPECT_THAT(unknown.message, HasSubstr("known are tiny, smollm2-135m"));
  EXPECT_EQ(make_model({"tiny", TensorType::kQ6_K, 0}, sink, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(parse_type("q9").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(*parse_type("q4_1"), TensorType::kQ4_1);
  const auto stopped =
      make_model({"tiny", TensorType::kF32, 0}, sink, [](std::uint64_t, std::uint64_t) { return false; });
  EXPECT_EQ(stopped.error().kind, ErrorKind::kInterrupted);
}

}  // namespace
}  // namespace linnet::synthetic
