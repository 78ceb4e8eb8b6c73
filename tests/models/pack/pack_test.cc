#include "models/pack/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/pack/blake2b.h"
#include "models/pack/conversion.h"
#include "models/pack/packed_view.h"
#include "tests/models/pack/small_model.h"

namespace linnet::pack {
namespace {

using gguf::Reader;
using gguf::TensorType;
using testing::HasSubstr;

constexpr auto kGoOn = [](std::uint64_t, std::uint64_t) { return true; };

std::vector<std::byte> packed(const std::vector<std::byte>& file) {
  const auto reader = Reader::open(file);
  gguf::MemorySink sink;
  Blake2b hasher;
  const auto summary = pack(*reader, sink, hasher, kGoOn);
  EXPECT_TRUE(summary) << summary.error().message;
  return {sink.bytes().begin(), sink.bytes().end()};
}

std::vector<std::byte> unpacked(const std::vector<std::byte>& file) {
  const auto reader = Reader::open(file);
  gguf::MemorySink sink;
  const auto summary = unpack(*reader, sink, kGoOn);
  EXPECT_TRUE(summary) << summary.error().message;
  return {sink.bytes().begin(), sink.bytes().end()};
}

TEST(Pack, GivesAValidFileThatSaysWhatItHolds) {
  const auto plain = model_of(every_format());
  const auto file = packed(plain);
  const auto reader = Reader::open(file);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->alignment(), 4096U);
  EXPECT_EQ(*reader->string("linnet.pack.layout"), "panel16");
  const auto view = PackedView::open(*reader);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_TRUE(view->packed());
  EXPECT_FALSE(view->needs_packing());

  const auto* query = view->find("blk.0.attn_q.weight");
  EXPECT_EQ(query->stored->type->type, TensorType::kI8);
  EXPECT_EQ(query->stored->rank, 1U);
  EXPECT_EQ(query->type->name, "Q4_0");
  EXPECT_EQ(query->layout, Layout::kPanels);
  EXPECT_EQ(view->find("token_embd.weight")->layout, Layout::kRows);  // There is an output head of its own.
  EXPECT_EQ(view->find("output.weight")->layout, Layout::kPanels);
  EXPECT_EQ(view->find("blk.0.attn_v.weight")->layout, Layout::kRows);  // Float formats have no panels.
  EXPECT_EQ(view->find("blk.0.ids")->layout, Layout::kRows);
}

TEST(Pack, PanelsHoldTheSameWeights) {
  const auto plain_file = model_of(every_format());
  const auto packed_file = packed(plain_file);
  const auto plain = *Reader::open(plain_file);
  const auto packed_reader = *Reader::open(packed_file);
  const auto view = *PackedView::open(packed_reader);
  for (const auto* name : {"blk.0.attn_q.weight", "blk.0.attn_k.weight", "output.weight", "blk.0.ffn_down.weight",
                           "blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight", "blk.1.ffn_gate.weight",
                           "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"}) {
    const auto weight = *view.weight(name);
    ASSERT_EQ(weight.layout, Layout::kPanels);
    const auto* before = plain.find_tensor(name);
    ASSERT_EQ(weight.rows, before->rows());
    ASSERT_EQ(weight.columns, before->columns());
    std::vector<float> expected(weight.columns);
    std::vector<float> actual(weight.columns);
    const std::size_t row_size = kernels::row_bytes(weight.format, weight.columns);
    for (std::size_t row = 0; row < weight.rows; ++row) {
      kernels::dequantize_row(weight.format, before->data.data() + row * row_size, weight.columns, expected.data());
      kernels::dequantize_panel_row(weight.format, weight.data.data(), row, weight.columns, actual.data());
      EXPECT_EQ(std::memcmp(expected.data(), actual.data(), weight.columns * sizeof(float)), 0) << name << " " << row;
    }
  }
}

TEST(Pack, UnpackGivesTheSameFile) {
  for (const bool key : {false, true}) {
    const auto plain = model_of(every_format(), key ? 64 : 32, key);
    const auto file = packed(plain);
    EXPECT_NE(file, plain);
    EXPECT_EQ(unpacked(file), plain);
  }
}

// Several bands: a matrix of more than one piece (4 MiB) in both directions.
TEST(Pack, CutsLongMatricesIntoBands) {
  const std::vector<TensorSpec> specs = {{"output.weight", TensorType::kQ8_0, {4096, 2100}},
                                         {"token_embd.weight", TensorType::kF32, {1024, 2100}}};
  const auto plain = model_of(specs);
  EXPECT_EQ(unpacked(packed(plain)), plain);
}

TEST(Pack, TiedEmbeddingsLieInPanels) {
  const std::vector<TensorSpec> specs = {{"token_embd.weight", TensorType::kQ8_0, {32, 20}}};
  const auto file = packed(model_of(specs));
  const auto reader = *Reader::open(file);
  EXPECT_EQ(PackedView::open(reader)->find("token_embd.weight")->layout, Layout::kPanels);
}

// Tensors that no kernel reads become those that one does, in panels and in rows, and are reported.
TEST(Pack, ConvertsAndReportsForeignTypes) {
  const std::vector<TensorSpec> specs = {{"token_embd.weight", TensorType::kQ3_K, {256, 5}},
                                         {"output.weight", TensorType::kQ2_K, {256, 20}},
                                         {"blk.0.ffn_up.weight", TensorType::kMXFP4, {64, 17}},
                                         {"blk.0.ffn_down.weight", TensorType::kQ4_K, {256, 3}}};
  const auto plain_file = model_of(specs);
  const auto plain = *Reader::open(plain_file);
  EXPECT_TRUE(PackedView::open(plain)->needs_packing());
  EXPECT_THAT(PackedView::open(plain)->weight("token_embd.weight").error().message, HasSubstr("needs packing"));
  gguf::MemorySink sink;
  Blake2b hasher;
  const auto summary = pack(plain, sink, hasher, kGoOn);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(conversion_text(summary->converted),
            "1 tensor of type MXFP4 became Q5_0, which keeps every weight\n"
            "1 tensor of type Q2_K became Q6_K, which rounds them\n"
            "1 tensor of type Q3_K became Q6_K, which keeps every weight\n");
  const std::vector<std::byte> file(sink.bytes().begin(), sink.bytes().end());
  const auto reader = *Reader::open(file);
  const auto view = PackedView::open(reader);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->weight("token_embd.weight")->format, kernels::Format::kQ6_K);
  EXPECT_EQ(view->weight("output.weight")->layout, Layout::kPanels);
  const auto* original = plain.find_tensor("token_embd.weight");
  const auto converted = *view->weight("token_embd.weight");
  for (std::size_t row = 0; row < 5; ++row) {
    float expected[256];
    float actual[256];
    find_conversion(TensorType::kQ3_K)->dequantize(original->data.data() + row * 110, expected);
    kernels::dequantize_row(converted.format, converted.data.data() + row * 210, 256, actual);
    for (std::size_t i = 0; i < 256; ++i) ASSERT_TRUE(actual[i] == expected[i] || std::isnan(expected[i]));
  }
  const auto again_file = unpacked(file);
  const auto again = *Reader::open(again_file);
  EXPECT_EQ(again.find_tensor("output.weight")->type->name, "Q6_K");
  EXPECT_EQ(again.find_tensor("blk.0.ffn_down.weight")->type->name, "Q4_K");
}

// Also beside a converted tensor, whose array has an element for every tensor of the file.
TEST(Pack, CarriesSectionsThatUnpackLeavesOut) {
  for (const TensorType type : {TensorType::kF32, TensorType::kQ3_K}) {
    const std::vector<TensorSpec> specs = {{"token_embd.weight", type, {256, 5}}};
    const auto plain = model_of(specs);
    const auto reader = *Reader::open(plain);
    const std::vector<std::byte> bytes(5000, std::byte{7});
    const Section section{"linnet.test.section", bytes};
    gguf::MemorySink sink;
    Blake2b hasher;
    const auto summary = pack(reader, sink, hasher, kGoOn, "panel16", std::span(&section, 1));
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->tensors, 1U);
    const std::vector<std::byte> file(sink.bytes().begin(), sink.bytes().end());
    const auto packed_reader = *Reader::open(file);
    const auto view = PackedView::open(packed_reader);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_TRUE(std::ranges::equal(view->find(section.name)->stored->data, bytes));
    if (type == TensorType::kQ3_K) {
      const auto converted = *packed_reader.strings(kConvertedKey);
      EXPECT_THAT(std::vector<std::string>(converted.begin(), converted.end()), testing::ElementsAre("Q3_K", ""));
    }
    EXPECT_EQ(verify(packed_reader, hasher, kGoOn).value_or(0), 2U);
    const auto again_file = unpacked(file);
    const auto again = *Reader::open(again_file);
    ASSERT_EQ(again.tensors().size(), 1U);
    EXPECT_EQ(again.tensors()[0].name, "token_embd.weight");
  }
}

TEST(Pack, VerifyFindsEveryChangedByte) {
  const auto file = packed(model_of(every_format()));
  const auto reader = *Reader::open(file);
  Blake2b hasher;
  EXPECT_EQ(verify(reader, hasher, kGoOn).value_or(0), reader.tensors().size());
  for (const auto& tensor : reader.tensors()) {
    for (const std::size_t at : {std::size_t{0}, tensor.data.size() / 2, tensor.data.size() - 1}) {
      auto changed = file;
      changed[static_cast<std::size_t>(tensor.offset) + at] ^= std::byte{1};
      const auto changed_reader = *Reader::open(changed);
      const auto refused = verify(changed_reader, hasher, kGoOn);
      ASSERT_FALSE(refused);
      EXPECT_THAT(refused.error().message, HasSubstr("'" + std::string(tensor.name) + "'"));
    }
  }
}

// The empty message's digest from RFC 7693's reference implementation, with 32 bytes of output.
TEST(Pack, TheHashIsBlake2b256) {
  Blake2b hasher;
  const Digest digest = hasher.finish();
  EXPECT_EQ(digest[0], std::byte{0x0e});
  EXPECT_EQ(digest[1], std::byte{0x57});
  EXPECT_EQ(digest[31], std::byte{0xa8});
}

TEST(Pack, ReportsProgressAndStopsWhenTold) {
  const auto plain = model_of(every_format());
  const auto reader = *Reader::open(plain);
  gguf::MemorySink sink;
  Blake2b hasher;
  std::uint64_t last = 0;
  std::uint64_t all = 0;
  const auto watch = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    last = done;
    all = total;
    return true;
  };
  ASSERT_TRUE(pack(reader, sink, hasher, watch));
  EXPECT_EQ(last, all);
  const auto stopped = pack(reader, sink, hasher, [](std::uint64_t, std::uint64_t) { return false; });
  EXPECT_EQ(stopped.error().kind, ErrorKind::kInterrupted);
}

TEST(Pack, RefusesWhatItCannotPack) {
  gguf::MemorySink sink;
  Blake2b hasher;
  const std::vector<TensorSpec> specs = {{"blk.0.ffn_up.weight", TensorType::kIQ2_XXS, {256, 2}}};
  const auto unsupported = model_of(specs);
  const auto error = pack(*Reader::open(unsupported), sink, hasher, kGoOn).error();
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("'blk.0.ffn_up.weight' is of type IQ2_XXS"));

  const auto plain = model_of(every_format());
  const auto file = packed(plain);
  EXPECT_EQ(pack(*Reader::open(file), sink, hasher, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(pack(*Reader::open(plain), sink, hasher, kGoOn, "panel7").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(unpack(*Reader::open(plain), sink, kGoOn).error().kind, ErrorKind::kUsage);
  EXPECT_EQ(verify(*Reader::open(plain), hasher, kGoOn).error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace linnet::pack
