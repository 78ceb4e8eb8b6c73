// One malformed file for every row of the security notes (docs/security.md) that concerns GGUF; test names carry the
// row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "models/gguf/reader.h"
#include "tests/gguf/file_builder.h"

namespace linnet::gguf {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kF32 = 0;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string refusal_of(const FileBuilder& file) {
  const auto reader = Reader::open(file.build());
  if (reader) return "it was accepted";
  EXPECT_EQ(reader.error().message.find('\n'), std::string::npos);
  return reader.error().message;
}

TEST(Security, Cve202423605KeyCountIsHeldToTheFile) {
  for (const std::uint64_t count : {kMax, kMax / 16 + 2, std::uint64_t{70'000}, std::uint64_t{3}}) {
    FileBuilder file;
    file.string("a", "b").declared_entries = count;
    EXPECT_THAT(refusal_of(file), HasSubstr("keys are declared, more than the file can hold"));
  }
}

TEST(Security, Cve202421836TensorCountIsHeldToTheFile) {
  for (const std::uint64_t count : {kMax, kMax / 32 + 2, std::uint64_t{70'000}, std::uint64_t{3}}) {
    FileBuilder file;
    file.tensor("w", {1}, kF32, 0).declared_tensors = count;
    EXPECT_THAT(refusal_of(file), HasSubstr("tensors are declared, more than the file can hold"));
  }
}

TEST(Security, Cve202423496StringLengthIsHeldToTheFile) {
  for (const std::uint64_t length : {kMax, kMax - 7, std::uint64_t{1} << 40}) {
    FileBuilder key;
    key.entry(Bytestring().number(length).characters("key").type(ValueType::kUint32).number(1U));
    EXPECT_THAT(refusal_of(key), HasSubstr("over the limit"));
    FileBuilder value;
    value.entry(Bytestring().text("key").type(ValueType::kString).number(length).characters("text"));
    EXPECT_THAT(refusal_of(value), HasSubstr("key 'key': the text is"));
  }
  FileBuilder short_by_one;
  short_by_one.entry(Bytestring().text("key").type(ValueType::kString).number(std::uint64_t{5}).characters("text"));
  EXPECT_THAT(refusal_of(short_by_one), HasSubstr("the file ends inside the text"));
}

TEST(Security, Cve202421825ArrayLengthIsHeldToTheFile) {
  for (const auto element : {ValueType::kUint8, ValueType::kUint64, ValueType::kString}) {
    FileBuilder huge;
    huge.entry(Bytestring().text("key").type(ValueType::kArray).type(element).number(kMax / 8 + 1));
    EXPECT_THAT(refusal_of(huge), HasSubstr("elements is over the limit"));
    FileBuilder beyond;
    beyond.entry(Bytestring().text("key").type(ValueType::kArray).type(element).number(std::uint64_t{1} << 20));
    EXPECT_THAT(refusal_of(beyond), HasSubstr("the file ends inside"));
  }
  FileBuilder element_of_array;
  element_of_array.entry(
      Bytestring().text("key").type(ValueType::kArray).type(ValueType::kString).number(std::uint64_t{1}).number(kMax));
  EXPECT_THAT(refusal_of(element_of_array), HasSubstr("a string is"));
}

TEST(Security, Cve202421802DimensionsAreCheckedBeforeTheyAreUsed) {
  FileBuilder rank;
  rank.tensor("w", {1, 1, 1, 1, 1}, kF32, 0);
  EXPECT_THAT(refusal_of(rank), HasSubstr("5 dimensions"));
  FileBuilder no_rank;
  no_rank.tensor("w", {}, kF32, 0).data.resize(32);
  EXPECT_THAT(refusal_of(no_rank), HasSubstr("0 dimensions"));
  FileBuilder product;
  product.tensor("w", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, kF32, 0);
  EXPECT_THAT(refusal_of(product), HasSubstr("tensor 'w': dimension 4294967296 is impossible"));
  FileBuilder zero;
  zero.tensor("w", {32, 0}, kF32, 0);
  EXPECT_THAT(refusal_of(zero), HasSubstr("dimension 0"));
}

TEST(Security, Cve202432878ErrorAfterPartOfTheHeaderWasRead) {
  FileBuilder file;
  file.string("a", "b").strings("c", {"d", "e"});
  file.entry(Bytestring().text("f").number(99U).number(1U));
  EXPECT_THAT(refusal_of(file), HasSubstr("key 'f': value type 99 does not exist"));
}

TEST(Security, Cve202441130NothingIsDereferencedThatIsNotThere) {
  FileBuilder no_infos;
  no_infos.string("general.architecture", std::string(64, 'x')).declared_tensors = 1;
  EXPECT_THAT(refusal_of(no_infos), HasSubstr("the file ends inside"));
  FileBuilder no_data;
  no_data.tensor("w", {4}, kF32, 0);
  EXPECT_THAT(refusal_of(no_data), HasSubstr("truncated"));
  FileBuilder no_name;
  no_name.tensor("", {4}, kF32, 0).data.resize(32);
  EXPECT_THAT(refusal_of(no_name), HasSubstr("the name is empty"));
  FileBuilder no_key;
  no_key.string("", "x");
  EXPECT_THAT(refusal_of(no_key), HasSubstr("the name is empty"));
}

TEST(Security, Cve202549847TokenTextLengthIsNotTruncatedToInt32) {
  FileBuilder file;
  file.entry(Bytestring()
                 .text("tokenizer.ggml.tokens")
                 .type(ValueType::kArray)
                 .type(ValueType::kString)
                 .number(std::uint64_t{1})
                 .number((std::uint64_t{1} << 32) + 4)
                 .characters("abcd"));
  EXPECT_THAT(refusal_of(file), HasSubstr("key 'tokenizer.ggml.tokens': a string is 4294967300 bytes long"));
}

TEST(Security, Cve202552566TokenCountBeyondInt) {
  FileBuilder file;
  file.entry(Bytestring()
                 .text("tokenizer.ggml.tokens")
                 .type(ValueType::kArray)
                 .type(ValueType::kString)
                 .number((std::uint64_t{1} << 31) + 1)
                 .text("a"));
  EXPECT_THAT(refusal_of(file), HasSubstr("an array of 2147483649 elements is over the limit"));
}

TEST(Security, Cve202553630TensorSizesCannotSumPast64Bits) {
  // Each size fits 64 bits, the sum of both is 32.
  FileBuilder file;
  file.tensor("a", {kMax / 32 * 8}, kF32, 0).tensor("b", {16}, kF32, kMax - 31);
  file.data.resize(64);
  EXPECT_THAT(refusal_of(file), HasSubstr("tensor 'a': its data reaches past the end of the file"));
}

TEST(Security, Cve202627940PaddingCannotWrapTheSum) {
  FileBuilder file;
  file.tensor("a", {8}, kF32, 0).tensor("b", {16}, kF32, kMax - 31);  // Ends at 32 modulo 2^64.
  file.data.resize(64);
  EXPECT_THAT(refusal_of(file), HasSubstr("tensor 'b': its data reaches past the end of the file"));
}

TEST(Security, Cve202633298TensorByteSizeCannotOverflow) {
  for (const std::uint64_t count : {std::uint64_t{1} << 62, (std::uint64_t{1} << 62) + 4}) {
    FileBuilder file;
    file.tensor("w", {count}, kF32, 0);
    file.data.resize(64);
    EXPECT_THAT(refusal_of(file), HasSubstr("tensor 'w': its data reaches past the end of the file"));
  }
}

TEST(Security, Cve20267482DataPastTheEndOfTheFile) {
  FileBuilder past;
  past.tensor("w", {16}, kF32, 32);
  past.data.resize(64);
  EXPECT_THAT(refusal_of(past), HasSubstr("tensor 'w': its data reaches past the end of the file"));
  FileBuilder overlap;
  overlap.tensor("a", {16}, kF32, 0).tensor("b", {8}, kF32, 32);
  overlap.data.resize(64);
  EXPECT_THAT(refusal_of(overlap), HasSubstr("tensor 'b': its offset 32 lies before the end"));
  FileBuilder order;
  order.tensor("a", {8}, kF32, 32).tensor("b", {8}, kF32, 0);
  order.data.resize(64);
  EXPECT_THAT(refusal_of(order), HasSubstr("tensor 'b': its offset 0 lies before the end"));
  FileBuilder unaligned;
  unaligned.tensor("a", {8}, kF32, 4);
  unaligned.data.resize(64);
  EXPECT_THAT(refusal_of(unaligned), HasSubstr("its offset 4 is not aligned"));
}

TEST(Security, NoIdArrayElementTypeIsChecked) {
  FileBuilder file;
  file.array<std::uint32_t>("tokenizer.ggml.scores", ValueType::kUint32, {1, 2});
  file.strings("tokenizer.ggml.token_type", {"1"}).array<std::int8_t>("tokenizer.ggml.tokens", ValueType::kInt8, {1});
  const auto bytes = file.build();
  const auto reader = *Reader::open(bytes);
  EXPECT_THAT(reader.floats("tokenizer.ggml.scores").error().message, HasSubstr("array of uint32"));
  EXPECT_THAT(reader.integers("tokenizer.ggml.token_type").error().message, HasSubstr("array of string"));
  EXPECT_THAT(reader.strings("tokenizer.ggml.tokens").error().message, HasSubstr("array of int8"));
  FileBuilder nested;
  nested.entry(Bytestring().text("k").type(ValueType::kArray).type(ValueType::kArray).number(std::uint64_t{1}));
  EXPECT_THAT(refusal_of(nested), HasSubstr("arrays of arrays"));
}

TEST(Security, NoIdAlignmentPaddingCannotWrap) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 24U, 1U << 21, 1U << 31, ~0U}) {
    FileBuilder file;
    file.scalar("general.alignment", ValueType::kUint32, alignment).tensor("w", {1}, kF32, 0);
    file.data.resize(32);
    EXPECT_THAT(refusal_of(file), HasSubstr("key 'general.alignment'"));
  }
  FileBuilder wide;
  wide.scalar("general.alignment", ValueType::kUint64, std::uint64_t{1} << 63);
  EXPECT_THAT(refusal_of(wide), HasSubstr("not a uint32"));
}

TEST(Security, NoIdNegativeDimensions) {
  FileBuilder one;
  one.tensor("w", {static_cast<std::uint64_t>(-4)}, kF32, 0).data.resize(32);
  EXPECT_THAT(refusal_of(one), HasSubstr("tensor 'w'"));
  FileBuilder two;
  two.tensor("w", {static_cast<std::uint64_t>(-4), static_cast<std::uint64_t>(-4)}, kF32, 0).data.resize(32);
  EXPECT_THAT(refusal_of(two), HasSubstr("is impossible"));
}

}  // namespace
}  // namespace linnet::gguf
