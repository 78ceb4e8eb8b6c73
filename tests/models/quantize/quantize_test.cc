#include "models/quantize/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/formats/format.h"
#include "kernels/formats/half.h"
#include "models/gguf/writer.h"

namespace linnet::quantize {
namespace {

using gguf::Reader;
using gguf::TensorType;
using testing::HasSubstr;

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

struct FloatTensor {
  std::string name;
  TensorType type;
  std::vector<std::uint64_t> dims;
};

std::vector<std::byte> encode(TensorType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * gguf::info(type).block_bytes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t half =
        type == TensorType::kF16 ? kernels::f32_to_f16(values[i]) : kernels::f32_to_bf16(values[i]);
    if (type == TensorType::kF32) {
      std::memcpy(&bytes[4 * i], &values[i], 4);
    } else {
      std::memcpy(&bytes[2 * i], &half, 2);
    }
  }
  return bytes;
}

// A file with these tensors and normal weights of deviation 0.05, one in a hundred ten times as large.
std::vector<std::byte> model_of(const std::vector<FloatTensor>& tensors, float poison = 0.0F) {
  gguf::Writer writer;
  writer.set_string("general.architecture", "llama");
  writer.set_u32("general.file_type", 0);
  for (const auto& tensor : tensors) (void)writer.add_tensor(tensor.name, tensor.type, tensor.dims);
  gguf::MemorySink sink;
  (void)writer.begin(sink);
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.0F, 0.05F);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto count = writer.tensor_bytes(i) / gguf::info(tensors[i].type).block_bytes;
    std::vector<float> values(static_cast<std::size_t>(count));
    std::ranges::generate(values, [&] { return normal(random) * (random() % 100 == 0 ? 10.0F : 1.0F); });
    if (poison != 0.0F) values.back() = poison;
    (void)writer.write(sink, i, 0, encode(tensors[i].type, values));
  }
  return {sink.bytes().begin(), sink.bytes().end()};
}

std::vector<FloatTensor> whole_model() {
  return {{"token_embd.weight", TensorType::kF16, {64, 40}},
          {"output.weight", TensorType::kF32, {64, 40}},
          {"output_norm.weight", TensorType::kF16, {64}},
          {"blk.0.attn_norm.weight", TensorType::kF32, {64}},
          {"blk.0.attn_q.weight", TensorType::kF32, {64, 64}},
          {"blk.0.attn_q.bias", TensorType::kF32, {64}},
          {"blk.0.attn_k.weight", TensorType::kBF16, {64, 16}},
          {"blk.0.attn_v.weight", TensorType::kF16, {64, 16}},
          {"blk.0.ffn_up.weight", TensorType::kF32, {40, 8}},
          {"blk.0.ffn_gate_inp.weight", TensorType::kF32, {64, 4}},
          {"blk.0.ffn_up_exps.weight", TensorType::kF32, {64, 8, 4}}};
}

struct Quantised {
  std::vector<std::byte> file;
  Report report;
};

Quantised quantised(const std::vector<std::byte>& file, TensorType type, unsigned threads = 1) {
  const auto reader = Reader::open(file);
  gguf::MemorySink sink;
  auto report = quantize(*reader, sink, {.type = type, .threads = threads}, kGoOn);
  EXPECT_TRUE(report) << report.error().message;
  return {{sink.bytes().begin(), sink.bytes().end()}, std::move(*report)};
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

double relative_error(const std::vector<float>& before, const std::vector<float>& after) {
  double energy = 0;
  double lost = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    energy += std::pow(double{before[i]}, 2);
    lost += std::pow(double{before[i]} - double{after[i]}, 2);
  }
  return std::sqrt(lost / energy);
}

TEST(Quantize, GivesEachTensorItsType) {
  const auto [file, report] = quantised(model_of(whole_model()), TensorType::kQ4_0);
  const auto reader = *Reader::open(file);
  const auto type = [&](std::string_view name) { return reader.find_tensor(name)->type->name; };
  EXPECT_EQ(type("token_embd.weight"), "Q8_0");
  EXPECT_EQ(type("output.weight"), "Q8_0");
  EXPECT_EQ(type("output_norm.weight"), "F32");
  EXPECT_EQ(type("blk.0.attn_q.weight"), "Q4_0");
  EXPECT_EQ(type("blk.0.attn_q.bias"), "F32");
  EXPECT_EQ(type("blk.0.attn_k.weight"), "Q4_0");
  EXPECT_EQ(type("blk.0.ffn_up.weight"), "F16");
  EXPECT_EQ(type("blk.0.ffn_gate_inp.weight"), "F32");
  EXPECT_EQ(type("blk.0.ffn_up_exps.weight"), "Q4_0");
  EXPECT_EQ(reader.find_tensor("blk.0.ffn_up_exps.weight")->rank, 3U);
  EXPECT_EQ(*reader.u32("general.file_type"), 2U);
  EXPECT_EQ(*reader.string("general.architecture"), "llama");
  EXPECT_EQ(report.file_bytes, file.size());
  EXPECT_THAT(report.tensors[8].note, HasSubstr("40 weights are no multiple of 32"));
  EXPECT_EQ(report.tensors[4].note, "");
}

// Embeddings and head take the type that is asked for them, or what fits their rows; matrices do not.
TEST(Quantize, GivesEmbeddingsATypeOfTheirOwn) {
  const auto file = model_of({{"token_embd.weight", TensorType::kF16, {128, 40}},
                              {"output.weight", TensorType::kF32, {64, 40}},
                              {"blk.0.attn_q.weight", TensorType::kF32, {128, 64}}});
  const auto pruned = [&](double share) {
    gguf::MemorySink sink;
    const Options options{.type = TensorType::kQ4_0, .embeddings = TensorType::kQ4_128, .pruned = share};
    return *quantize(*Reader::open(file), sink, options, kGoOn);
  };
  const Report report = pruned(0.5);
  EXPECT_EQ(report.tensors[0].to->name, "Q4_128");
  EXPECT_EQ(report.tensors[1].to->name, "Q4_64");
  EXPECT_THAT(report.tensors[1].note, HasSubstr("no whole groups"));
  EXPECT_EQ(report.tensors[2].to->name, "Q4_0");
  EXPECT_EQ(report.tensors[0].relative_rms_error, pruned(0).tensors[0].relative_rms_error);
  EXPECT_GT(report.tensors[2].relative_rms_error, pruned(0).tensors[2].relative_rms_error);
}

// 64 columns are whole groups of 64 and none of 128, 96 are neither.
TEST(Quantize, TakesTheLargestGroupsThatFit) {
  const std::vector<FloatTensor> tensors = {{"blk.0.attn_q.weight", TensorType::kF32, {256, 16}},
                                            {"blk.0.attn_k.weight", TensorType::kF32, {64, 16}},
                                            {"blk.0.attn_v.weight", TensorType::kF32, {96, 16}}};
  const auto types_of = [&](TensorType type) {
    std::vector<std::string_view> names;
    for (const auto& tensor : quantised(model_of(tensors), type).report.tensors) names.push_back(tensor.to->name);
    return names;
  };
  EXPECT_THAT(types_of(TensorType::kQ4_128), testing::ElementsAre("Q4_128", "Q4_64", "Q4_0"));
  EXPECT_THAT(types_of(TensorType::kQ4_64), testing::ElementsAre("Q4_64", "Q4_64", "Q4_0"));
  EXPECT_THAT(types_of(TensorType::kQ8_128), testing::ElementsAre("Q8_128", "Q8_0", "Q8_0"));
  EXPECT_THAT(types_of(TensorType::kIQ4_NL), testing::ElementsAre("IQ4_NL", "IQ4_NL", "IQ4_NL"));
  EXPECT_TRUE(needs_packing({.type = TensorType::kQ4_64}));
  EXPECT_TRUE(needs_packing({.type = TensorType::kQ4_0, .embeddings = TensorType::kQ8_128}));
  EXPECT_FALSE(needs_packing({.type = TensorType::kQ4_0}));
}

TEST(Quantize, ReportsTheErrorThatAReaderMeasures) {
  const auto before_file = model_of(whole_model());
  const auto before = *Reader::open(before_file);
  for (const auto type : {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ5_0, TensorType::kIQ4_NL,
                          TensorType::kQ4_64, TensorType::kQ8_128}) {
    const auto [file, report] = quantised(before_file, type);
    const auto after = *Reader::open(file);
    for (const auto& tensor : report.tensors) {
      const double error =
          relative_error(decoded(*before.find_tensor(tensor.name)), decoded(*after.find_tensor(tensor.name)));
      EXPECT_NEAR(tensor.relative_rms_error, error, 1e-9) << tensor.name;  // Differences are taken in float.
      EXPECT_LT(error, tensor.to->type == TensorType::kQ8_0 || tensor.to->block_weights == 1 ? 0.02 : 0.25)
          << tensor.name;
    }
  }
}

// The acceptance of the search: less error than rounding to nearest, on every tensor.
TEST(Quantize, BeatsPlainRoundingOnEveryTensor) {
  const auto before_file = model_of(whole_model());
  const auto before = *Reader::open(before_file);
  for (const auto type : {TensorType::kQ8_0, TensorType::kQ4_0}) {
    const auto [file, report] = quantised(before_file, type);
    for (const auto& tensor : report.tensors) {
      const auto format = tensor.to->type == TensorType::kQ4_0 ? kernels::Format::kQ4_0 : kernels::Format::kQ8_0;
      if (tensor.to->block_weights == 1) continue;
      const auto values = decoded(*before.find_tensor(tensor.name));
      std::vector<std::byte> coded(kernels::row_bytes(format, values.size()));
      std::vector<float> plain(values.size());
      kernels::quantize_row(format, values.data(), values.size(), coded.data());
      kernels::dequantize_row(format, coded.data(), values.size(), plain.data());
      EXPECT_LT(tensor.relative_rms_error, 0.98 * relative_error(values, plain)) << tensor.name;
    }
  }
}

TEST(Quantize, ThreadsDoNotChangeTheResult) {
  const auto file = model_of(whole_model());
  const auto one = quantised(file, TensorType::kQ4_0, 1);
  const auto three = quantised(file, TensorType::kQ4_0, 3);
  EXPECT_EQ(one.file, three.file);
  for (std::size_t i = 0; i < one.report.tensors.size(); ++i) {
    EXPECT_EQ(one.report.tensors[i].relative_rms_error, three.report.tensors[i].relative_rms_error);
  }
}

TEST(Quantize, WorksInBands) {
  const auto [file, report] =
      quantised(model_of({{"blk.0.ffn_up.weight", TensorType::kF32, {512, 8200}}}), TensorType::kQ8_0, 2);
  const auto reader = *Reader::open(file);
  EXPECT_LT(report.tensors[0].relative_rms_error, 0.02);
  EXPECT_EQ(reader.tensors()[0].data.size(), 8200U * 16 * 34);
}

TEST(Quantize, RefusesWhatItCannot) {
  gguf::MemorySink sink;
  const auto quantised_file = quantised(model_of(whole_model()), TensorType::kQ8_0).file;
  const auto again = quantize(*Reader::open(quantised_file), sink, {}, kGoOn).error();
  EXPECT_EQ(again.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(again.message, HasSubstr("'token_embd.weight' is Q8_0 already"));

  const std::vector<FloatTensor> one = {{"blk.0.ffn_up.weight", TensorType::kF32, {32, 2}}};
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30F}) {
    const auto file = model_of(one, poison);
    const auto error = quantize(*Reader::open(file), sink, {}, kGoOn).error();
    EXPECT_EQ(error.kind, ErrorKind::kMalformed);
    EXPECT_THAT(error.message, HasSubstr("'blk.0.ffn_up.weight' has weights that are not finite or too large"));
  }
  const auto file = model_of(one);
  const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
  EXPECT_EQ(quantize(*Reader::open(file), sink, {}, stop).error().kind, ErrorKind::kInterrupted);
  EXPECT_EQ(quantize(*Reader::open(file), sink, {.type = TensorType::kQ6_K}, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(*parse_type("q8_0"), TensorType::kQ8_0);
  EXPECT_EQ(parse_type("q3").error().kind, ErrorKind::kUsage);
}

TEST(Quantize, ProgressReachesTheEnd) {
  const auto file = model_of(whole_model());
  std::uint64_t last = 0;
  std::uint64_t all = 1;
  const auto watch = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    last = done;
    all = total;
    return true;
  };
  gguf::MemorySink sink;
  ASSERT_TRUE(quantize(*Reader::open(file), sink, {.type = TensorType::kQ8_0}, watch));
  EXPECT_EQ(last, all);
}

}  // namespace
}  // namespace linnet::quantize
