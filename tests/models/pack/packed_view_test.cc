#include "models/pack/packed_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "tests/models/pack/small_model.h"

namespace linnet::pack {
namespace {

using gguf::Reader;
using gguf::TensorType;
using testing::HasSubstr;

TEST(PackedView, FloatFilesAreReadAsTheyAre) {
  const std::vector<TensorSpec> specs = {{"token_embd.weight", TensorType::kF16, {48, 5}},
                                         {"blk.0.ffn_up.weight", TensorType::kBF16, {48, 3}},
                                         {"output_norm.weight", TensorType::kF32, {48}}};
  const auto file = model_of(specs);
  const auto reader = *Reader::open(file);
  const auto view = *PackedView::open(reader);
  EXPECT_FALSE(view.packed());
  EXPECT_FALSE(view.needs_packing());
  const auto up = *view.weight("blk.0.ffn_up.weight");
  EXPECT_EQ(up.format, kernels::Format::kBF16);
  EXPECT_EQ(up.layout, Layout::kRows);
  EXPECT_EQ(up.rows, 3U);
  EXPECT_EQ(up.columns, 48U);
  EXPECT_EQ(up.data.data(), reader.find_tensor("blk.0.ffn_up.weight")->data.data());
  EXPECT_EQ(view.weight("output_norm.weight")->rows, 1U);
  EXPECT_THAT(view.weight("absent").error().message, HasSubstr("'absent' is missing"));
}

TEST(PackedView, PlainQuantisedMatricesNeedPacking) {
  const auto file = model_of(every_format());
  const auto reader = *Reader::open(file);
  const auto view = *PackedView::open(reader);
  EXPECT_TRUE(view.needs_packing());
  EXPECT_EQ(view.weight("blk.0.attn_q.weight").error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(view.weight("blk.0.attn_q.weight").error().message, HasSubstr("needs packing"));
  EXPECT_TRUE(view.weight("token_embd.weight"));  // Only looked up: rows serve.
}

TEST(PackedView, RefusesTypesByName) {
  const std::vector<TensorSpec> specs = {{"blk.0.ffn_up.weight", TensorType::kIQ1_M, {256, 2}}};
  const auto file = model_of(specs);
  const auto reader = *Reader::open(file);
  EXPECT_THAT(PackedView::open(reader)->weight("blk.0.ffn_up.weight").error().message, HasSubstr("IQ1_M"));
}

// A packed file whose keys lie: one matrix of [20, 32] in Q8_0 (two panels, 1,088 bytes) and one vector.
struct Lie {
  std::string name = "output.weight";
  std::string type = "Q8_0";
  std::string layout = "panel16";
  std::uint64_t rows = 20;
  std::uint64_t columns = 32;
  std::uint64_t last_dim = 0;  // After a 0: not read.
  std::uint64_t norm_width = 8;
  std::uint64_t norm_rows = 0;  // 0: one dimension.
  std::size_t hash_length = 64;
  std::size_t elements = 2;
  std::uint32_t version = kVersion;
  std::string file_layout = "panel16";
  TensorType stored = TensorType::kI8;
  std::uint32_t alignment = 4096;
};

std::string refusal_of(const std::function<void(Lie&)>& tell) {
  Lie lie;
  tell(lie);
  gguf::Writer writer(lie.alignment);
  writer.set_u32(kVersionKey, lie.version);
  writer.set_string(kLayoutKey, lie.file_layout);
  const std::vector<std::string> names = {lie.name, "output_norm.weight"};
  const std::vector<std::string> types = {lie.type, "F32"};
  const std::vector<std::string> layouts = {lie.layout, "rows"};
  const std::vector<std::string> hashes(2, std::string(lie.hash_length, '0'));
  const std::vector<std::uint64_t> dims = {lie.columns, lie.rows, 0, lie.last_dim, lie.norm_width, lie.norm_rows, 0, 0};
  writer.set_strings(kNamesKey, std::span(names).first(lie.elements));
  writer.set_strings(kTypesKey, types);
  writer.set_strings(kLayoutsKey, layouts);
  writer.set_strings(kHashesKey, hashes);
  writer.set_u64s(kDimsKey, dims);
  const std::array<std::uint64_t, 1> panels = {1088 / gguf::info(lie.stored).block_bytes};
  const std::array<std::uint64_t, 1> vector = {8};
  EXPECT_TRUE(writer.add_tensor("output.weight", lie.stored, panels));
  EXPECT_TRUE(writer.add_tensor("output_norm.weight", TensorType::kF32, vector));
  gguf::MemorySink sink;
  EXPECT_TRUE(writer.begin(sink));
  const auto reader = Reader::open(sink.bytes());
  const auto view = PackedView::open(*reader);
  return view ? "it was accepted" : view.error().message;
}

TEST(PackedView, KeysOfAPackedFileAreCheckedAgainstItsTensors) {
  EXPECT_EQ(refusal_of([](Lie&) {}), "it was accepted");
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.version = 2; }), HasSubstr("packed in version 2"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.file_layout = "panel32"; }), HasSubstr("'panel32'"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.elements = 1; }), HasSubstr("one element a tensor"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.name = "other"; }), HasSubstr("its name, type, layout or hash"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.type = "Q9_0"; }), HasSubstr("its name, type, layout or hash"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.type = "Q4_0_4_4"; }), HasSubstr("its name, type, layout or hash"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.layout = "columns"; }), HasSubstr("its name, type, layout or hash"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.hash_length = 63; }), HasSubstr("its name, type, layout or hash"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.columns = 33; }), HasSubstr("its shape in linnet.pack.tensor.dims"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.columns = 0; }), HasSubstr("its shape in linnet.pack.tensor.dims"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.rows = std::uint64_t{1} << 62; }), HasSubstr("its shape"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.rows = std::uint64_t{1} << 58; }), HasSubstr("not that of its panels"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.rows = ~std::uint64_t{0}; }), HasSubstr("out of range"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.rows = 33; }), HasSubstr("not that of its panels"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.type = "F32"; }), HasSubstr("not that of its panels"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.stored = TensorType::kF32; }), HasSubstr("not that of its panels"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.alignment = 8; }), HasSubstr("not that of its panels"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.layout = "rows"; }), HasSubstr("is not what linnet.pack.* says"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.norm_width = 9; }), HasSubstr("'output_norm.weight'"));
  EXPECT_THAT(refusal_of([](Lie& lie) { lie.norm_rows = 1; }), HasSubstr("'output_norm.weight'"));
}

}  // namespace
}  // namespace linnet::pack
