#include "models/gguf/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <string>

#include "tests/gguf/file_builder.h"

namespace linnet::gguf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_0 = 2;

// Two tensors: a vector of 5 floats at 0 (20 bytes) and a Q4_0 matrix [2, 32] at 32 (36 bytes).
FileBuilder small_model() {
  FileBuilder file;
  file.string("general.architecture", "llama").scalar("llama.block_count", ValueType::kUint32, 7U);
  file.tensor("output_norm.weight", {5}, kF32, 0).tensor("blk.0.ffn_up.weight", {32, 2}, kQ4_0, 32);
  file.data.resize(68);
  for (std::size_t i = 0; i < file.data.size(); ++i) file.data[i] = static_cast<std::byte>(i);
  return file;
}

TEST(Reader, ShowsMetadataAndTensorsWhereTheyLie) {
  const auto bytes = small_model().build();
  const auto reader = Reader::open(bytes);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->version(), 3U);
  EXPECT_EQ(*reader->string("general.architecture"), "llama");
  EXPECT_EQ(*reader->u32("llama.block_count"), 7U);
  ASSERT_EQ(reader->tensors().size(), 2U);

  const Tensor* matrix = *reader->tensor("blk.0.ffn_up.weight");
  EXPECT_EQ(matrix->type->name, "Q4_0");
  EXPECT_EQ(matrix->rank, 2U);
  EXPECT_EQ(matrix->columns(), 32U);
  EXPECT_EQ(matrix->rows(), 2U);
  ASSERT_EQ(matrix->data.size(), 36U);
  EXPECT_EQ(matrix->data.front(), std::byte{32});
  EXPECT_EQ(matrix->data.data(), bytes.data() + matrix->offset);
  EXPECT_EQ(reader->find_tensor("output_norm.weight")->data.size(), 20U);
  EXPECT_EQ(reader->find_tensor("output_norm"), nullptr);
}

TEST(Reader, ReadsVersion2AndFilesWithoutTensors) {
  FileBuilder file;
  file.version = 2;
  file.string("general.architecture", "llama");
  const auto reader = Reader::open(file.build());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_TRUE(reader->tensors().empty());
}

TEST(Reader, ConvertsIntegersThatFitAndRefusesOthers) {
  FileBuilder file;
  file.scalar("u8", ValueType::kUint8, std::uint8_t{200}).scalar("i8", ValueType::kInt8, std::int8_t{-3});
  file.scalar("u16", ValueType::kUint16, std::uint16_t{65535}).scalar("i16", ValueType::kInt16, std::int16_t{12});
  file.scalar("i32", ValueType::kInt32, -1).scalar("u64", ValueType::kUint64, ~std::uint64_t{0});
  file.scalar("i64", ValueType::kInt64, std::int64_t{1} << 32).scalar("f", ValueType::kFloat32, 1.0F);
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  EXPECT_EQ(*reader.u32("u8"), 200U);
  EXPECT_EQ(*reader.i32("i8"), -3);
  EXPECT_EQ(*reader.u32("u16"), 65535U);
  EXPECT_EQ(*reader.u64("i16"), 12U);
  EXPECT_EQ(*reader.u64("u64"), ~std::uint64_t{0});
  EXPECT_EQ(*reader.u64("i64"), std::uint64_t{1} << 32);
  EXPECT_THAT(reader.u32("i32").error().message, HasSubstr("-1, which is out of range"));
  EXPECT_FALSE(reader.u32("i8"));
  EXPECT_FALSE(reader.i32("u64"));
  EXPECT_FALSE(reader.u32("i64"));
  EXPECT_THAT(reader.u32("f").error().message, HasSubstr("of type float32 where an integer belongs"));
}

TEST(Reader, DeclaredTypeIsTheTypeThatIsRead) {
  FileBuilder file;
  file.scalar("f", ValueType::kFloat64, 2.5).scalar("b", ValueType::kBool, std::uint8_t{1}).string("s", "text");
  file.scalar("nan", ValueType::kFloat32, std::numeric_limits<float>::quiet_NaN());
  file.scalar("huge", ValueType::kFloat64, 1e300).scalar("i", ValueType::kUint32, 1U);
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  EXPECT_EQ(*reader.f32("f"), 2.5F);
  EXPECT_TRUE(*reader.boolean("b"));
  EXPECT_FALSE(reader.f32("i"));
  EXPECT_FALSE(reader.f32("nan"));
  EXPECT_FALSE(reader.f32("huge"));
  EXPECT_FALSE(reader.boolean("i"));
  EXPECT_FALSE(reader.string("i"));
  EXPECT_FALSE(reader.strings("s"));
  EXPECT_EQ(reader.u32("missing").error().kind, ErrorKind::kMalformed);
}

TEST(Reader, FallbacksServeMissingKeysOnly) {
  FileBuilder file;
  file.scalar("i", ValueType::kUint32, 1U);
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  EXPECT_EQ(*reader.u32_or("missing", 9), 9U);
  EXPECT_EQ(*reader.u32_or("i", 9), 1U);
  EXPECT_EQ(*reader.f32_or("missing", 0.5F), 0.5F);
  EXPECT_FALSE(reader.f32_or("i", 0.5F));
  EXPECT_TRUE(*reader.boolean_or("missing", true));
  EXPECT_FALSE(reader.boolean_or("i", true));
  EXPECT_EQ(*reader.string_or("missing", "x"), "x");
  EXPECT_FALSE(reader.string_or("i", "x"));
}

TEST(Reader, IteratesArraysWithoutCopying) {
  FileBuilder file;
  file.strings("tokens", {"a", "", "bcd"}).strings("none", {});
  file.array<float>("scores", ValueType::kFloat32, {1.5F, -2.0F});
  file.array<std::int32_t>("types", ValueType::kInt32, {1, -6});
  file.array<std::uint64_t>("wide", ValueType::kUint64, {1, ~std::uint64_t{0}});
  file.array<std::uint8_t>("flags", ValueType::kBool, {1, 0});
  file.array<std::uint8_t>("table", ValueType::kUint8, {7, 8, 9});
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);

  const auto tokens = *reader.strings("tokens");
  EXPECT_EQ(tokens.size(), 3U);
  const std::vector<std::string_view> texts(tokens.begin(), tokens.end());
  EXPECT_THAT(texts, ElementsAre("a", "", "bcd"));
  EXPECT_GE(reinterpret_cast<const std::byte*>(texts[2].data()), bytes.data());
  EXPECT_LT(reinterpret_cast<const std::byte*>(texts[2].data()), bytes.data() + bytes.size());
  EXPECT_EQ(reader.strings("none")->begin(), reader.strings("none")->end());

  EXPECT_EQ((*reader.floats("scores"))[1], -2.0F);
  EXPECT_EQ((*reader.integers("types"))[1], -6);
  EXPECT_EQ((*reader.booleans("flags"))[0], true);
  EXPECT_EQ((*reader.booleans("flags"))[1], false);
  EXPECT_EQ(reader.bytes_of("table")->size(), 3U);
  EXPECT_THAT(reader.integers("wide").error().message, HasSubstr("element 1"));
  EXPECT_FALSE(reader.floats("types"));
  EXPECT_FALSE(reader.integers("scores"));
  EXPECT_FALSE(reader.strings("types"));
  EXPECT_FALSE(reader.bytes_of("types"));
}

// A mapping can change under the reader; the iterator must stay inside what was checked.
TEST(Reader, StringsStayInsideWhenTheirLengthsChangeLater) {
  FileBuilder file;
  file.strings("tokens", {"abc", "def"});
  auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  const auto tokens = *reader.strings("tokens");
  const auto first = reinterpret_cast<const std::byte*>((*tokens.begin()).data()) - bytes.data();
  bytes[static_cast<std::size_t>(first) - 2] = std::byte{0xff};  // The first length is now about 2^56.
  const std::vector<std::string_view> texts(tokens.begin(), tokens.end());
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_LE(texts[0].size(), 14U);
  EXPECT_EQ(texts[1], "");
}

TEST(Reader, RefusesWhatIsNotGgufOrNotOurs) {
  const std::string prose = "Once upon a time there was a text file.";
  EXPECT_THAT(Reader::open(std::as_bytes(std::span(prose))).error().message, HasSubstr("not a GGUF file"));
  EXPECT_EQ(Reader::open({}).error().kind, ErrorKind::kMalformed);
  FileBuilder file;
  file.version = 0x03000000;
  EXPECT_EQ(Reader::open(file.build()).error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(Reader::open(file.build()).error().message, HasSubstr("big-endian"));
  file.version = 1;
  EXPECT_THAT(Reader::open(file.build()).error().message, HasSubstr("version 1"));
}

TEST(Reader, RefusesTensorTypesByName) {
  FileBuilder removed;
  removed.tensor("w", {32}, 31, 0);
  const auto removed_error = Reader::open(removed.build()).error();
  EXPECT_EQ(removed_error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(removed_error.message, HasSubstr("tensor 'w': tensor type Q4_0_4_4"));
  FileBuilder unknown;
  unknown.tensor("w", {32}, 1000, 0);
  EXPECT_THAT(Reader::open(unknown.build()).error().message, HasSubstr("tensor type 1000"));
}

TEST(Reader, RefusesRepeatedNames) {
  FileBuilder keys;
  keys.string("a", "1").string("b", "2").string("a", "3");
  EXPECT_THAT(Reader::open(keys.build()).error().message, HasSubstr("key 'a' occurs twice"));
  FileBuilder tensors;
  tensors.tensor("w", {1}, kF32, 0).tensor("w", {1}, kF32, 32);
  tensors.data.resize(64);
  EXPECT_THAT(Reader::open(tensors.build()).error().message, HasSubstr("tensor 'w' occurs twice"));
}

TEST(Reader, RefusesEveryTruncation) {
  const auto bytes = small_model().build();
  ASSERT_TRUE(Reader::open(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of exactly that size, so that a sanitizer sees a read past it.
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(Reader::open(part)) << size;
  }
}

TEST(Reader, EscapesNamesInErrors) {
  FileBuilder file;
  file.tensor("\x1b[2Jw", {32}, 1000, 0);
  EXPECT_THAT(Reader::open(file.build()).error().message, HasSubstr("'\\x1b[2Jw'"));
}

TEST(Reader, AdmitsDataThatEndsWithoutPadding) {
  FileBuilder file;
  file.tensor("w", {3}, kF32, 0);
  file.data.resize(12);
  EXPECT_TRUE(Reader::open(file.build()));
}

TEST(Value, TextIsCutAndEscaped) {
  FileBuilder file;
  file.strings("s", {"a\nb", "c", "d"}).array<std::int8_t>("n", ValueType::kInt8, {-1, 2, 3});
  file.scalar("f", ValueType::kFloat32, 1e-6F).scalar("b", ValueType::kBool, std::uint8_t{1}).string("t", "abcdef");
  file.scalar("u", ValueType::kUint64, ~std::uint64_t{0});
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  EXPECT_EQ(to_text(reader.find("s")->value, 2), R"(["a\x0ab", "c", ... 3 in all])");
  EXPECT_EQ(to_text(reader.find("n")->value), "[-1, 2, 3]");
  EXPECT_EQ(to_text(reader.find("f")->value), "1e-06");
  EXPECT_EQ(to_text(reader.find("b")->value), "true");
  EXPECT_EQ(to_text(reader.find("t")->value, 8, 3), "abc...");
  EXPECT_EQ(to_text(reader.find("u")->value), "18446744073709551615");
}

}  // namespace
}  // namespace linnet::gguf
