#include "models/gguf/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

#include "tests/gguf/file_builder.h"

namespace linnet::gguf {
namespace {

using testing::HasSubstr;

std::vector<std::byte> pattern(std::size_t size, int seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + static_cast<std::size_t>(seed));
  return bytes;
}

TEST(Writer, WritesWhatTheReaderReads) {
  Writer writer(4096);
  writer.set_string("general.architecture", "llama");
  writer.set_u64("wide", std::uint64_t{1} << 40);
  writer.set_f32("float", 0.25F);
  writer.set_boolean("flag", true);
  const std::array<std::string, 2> texts = {"a", "bc"};
  writer.set_strings("texts", texts);
  const std::array<std::int32_t, 2> types = {-1, 3};
  writer.set_i32s("types", types);
  const std::array<std::uint64_t, 1> dims_array = {5};
  writer.set_u64s("dims", dims_array);
  const std::array<float, 2> scores = {1.0F, -2.0F};
  writer.set_f32s("scores", scores);
  const std::array<std::uint64_t, 2> dims = {32, 3};
  const auto matrix = writer.add_tensor("w", TensorType::kQ8_0, dims);
  const auto vector = writer.add_tensor("v", TensorType::kF32, std::span(dims).first(1));
  ASSERT_TRUE(matrix && vector);

  MemorySink sink;
  ASSERT_TRUE(writer.begin(sink));
  const auto matrix_bytes = pattern(102, 1);
  const auto vector_bytes = pattern(128, 2);
  ASSERT_TRUE(writer.write(sink, *vector, 0, vector_bytes));
  ASSERT_TRUE(writer.write(sink, *matrix, 34, std::span(matrix_bytes).subspan(34)));
  ASSERT_TRUE(writer.write(sink, *matrix, 0, std::span(matrix_bytes).first(34)));
  EXPECT_EQ(sink.bytes().size(), writer.file_bytes());

  const auto reader = Reader::open(sink.bytes());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->alignment(), 4096U);
  EXPECT_EQ(*reader->u64("wide"), std::uint64_t{1} << 40);
  EXPECT_EQ(*reader->f32("float"), 0.25F);
  EXPECT_TRUE(*reader->boolean("flag"));
  EXPECT_EQ(*++reader->strings("texts")->begin(), "bc");
  EXPECT_EQ((*reader->integers("types"))[0], -1);
  EXPECT_EQ((*reader->integers("dims"))[0], 5);
  EXPECT_EQ((*reader->floats("scores"))[1], -2.0F);
  const Tensor* w = reader->find_tensor("w");
  EXPECT_EQ(w->offset % 4096, 0U);
  EXPECT_TRUE(std::ranges::equal(w->data, matrix_bytes));
  EXPECT_TRUE(std::ranges::equal(reader->find_tensor("v")->data, vector_bytes));
  EXPECT_EQ(reader->find_tensor("v")->rank, 1U);
}

TEST(Writer, CopiesEveryKindOfEntryByteForByte) {
  FileBuilder file;
  file.scalar("u8", ValueType::kUint8, std::uint8_t{1}).scalar("f64", ValueType::kFloat64, 0.1).string("s", "text");
  file.strings("texts", {"a", "", "b"}).array<std::int16_t>("i16s", ValueType::kInt16, {1, -2});
  file.scalar("b", ValueType::kBool, std::uint8_t{1});
  const auto original = file.build();
  const auto reader = *Reader::open(original);
  Writer writer;
  for (const auto& entry : reader.entries()) writer.copy(entry);
  MemorySink sink;
  ASSERT_TRUE(writer.begin(sink));
  ASSERT_GE(sink.bytes().size(), original.size());
  EXPECT_TRUE(std::ranges::equal(sink.bytes().first(original.size()), original));
}

TEST(Writer, ReplacesAKeyInPlaceAndRewritesTheHeader) {
  Writer writer;
  writer.set_string("hash", "0000");
  writer.set_u32("other", 1);
  MemorySink sink;
  ASSERT_TRUE(writer.begin(sink));
  writer.set_string("hash", "abcd");
  ASSERT_TRUE(writer.rewrite_header(sink));
  const auto reader = *Reader::open(sink.bytes());
  EXPECT_EQ(reader.entries().front().key, "hash");
  EXPECT_EQ(*reader.string("hash"), "abcd");
  EXPECT_EQ(*reader.u32("other"), 1U);
}

TEST(Writer, RefusesImpossibleTensors) {
  Writer writer;
  const std::array<std::uint64_t, 2> odd = {31, 2};
  EXPECT_THAT(writer.add_tensor("w", TensorType::kQ8_0, odd).error().message, HasSubstr("impossible for its type"));
  const std::array<std::uint64_t, 2> huge = {std::uint64_t{1} << 40, std::uint64_t{1} << 40};
  EXPECT_FALSE(writer.add_tensor("w", TensorType::kF32, huge));
  const std::array<std::uint64_t, 1> none = {0};
  EXPECT_FALSE(writer.add_tensor("w", TensorType::kF32, none));
  const std::array<std::uint64_t, 1> good = {4};
  EXPECT_TRUE(writer.add_tensor("w", TensorType::kF32, good));
  EXPECT_THAT(writer.add_tensor("w", TensorType::kF32, good).error().message, HasSubstr("occurs twice"));
  EXPECT_FALSE(writer.add_tensor("", TensorType::kF32, good));
  EXPECT_FALSE(writer.add_tensor(std::string(300, 'x'), TensorType::kF32, good));
}

// A sink that fails, as a full disk does.
class FailingSink final : public Sink {
 public:
  Result<void> reserve(std::uint64_t) override { return fail(ErrorKind::kExhausted, "full"); }
  Result<void> write_at(std::uint64_t, std::span<const std::byte>) override { return {}; }
};

TEST(Writer, PassesTheSinksErrorOn) {
  Writer writer;
  FailingSink sink;
  EXPECT_EQ(writer.begin(sink).error().kind, ErrorKind::kExhausted);
}

}  // namespace
}  // namespace linnet::gguf
