#include "models/safetensors/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/source_tree.h"

namespace linnet::safetensors {
namespace {

using testing::HasSubstr;

std::vector<std::byte> file_of(const std::string& header, std::size_t data_size, std::uint64_t declared) {
  std::vector<std::byte> bytes(8 + header.size() + data_size);
  std::memcpy(bytes.data(), &declared, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (std::size_t i = 0; i < data_size; ++i) bytes[8 + header.size() + i] = static_cast<std::byte>(i);
  return bytes;
}
std::vector<std::byte> file_of(const std::string& header, std::size_t data_size) {
  return file_of(header, data_size, header.size());
}

std::string entry(const std::string& name, const std::string& type, const std::string& shape, int begin, int end) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

Error error_of(const std::string& header, std::size_t data_size) {
  const auto bytes = file_of(header, data_size);
  const auto file = File::open(bytes);
  return file ? Error{ErrorKind::kBusy, "it was read"} : file.error();
}

// What the package wrote, and the numbers that were given to it: tests/data/models/make_model_folders.py.
TEST(Safetensors, ReadsWhatThePackageWrites) {
  std::ifstream stream(test::source_tree() / "tests/data/fuzz/safetensors/package", std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  const auto bytes = std::as_bytes(std::span(content));
  const auto file = File::open(bytes);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 4U);
  const Tensor* matrix = file->find("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->type, "F32");
  EXPECT_EQ(matrix->shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(matrix->elements(), 6U);
  float last = 0;
  std::memcpy(&last, matrix->data.data() + 20, 4);
  EXPECT_EQ(last, 5.5F);
  const Tensor* half = file->find("half");
  ASSERT_NE(half, nullptr);
  EXPECT_EQ(half->type, "BF16");
  EXPECT_EQ(half->data.size(), 2U * 5);
  EXPECT_EQ(file->find("scalar")->shape.size(), 0U);
  EXPECT_EQ(file->find("empty")->data.size(), 0U);
  EXPECT_EQ(file->find("nothing"), nullptr);
}

TEST(Safetensors, ReadsMetadataSpacesAndAnyOrder) {
  const auto bytes = file_of(
      " { \"__metadata__\" : {\"a\":\"\\\"}\", \"b\" : \"\"},\n\"x\":{ \"data_offsets\":[4 , 8],\"shape\":[],"
      "\"dtype\":\"I32\"}, " +
          entry("y", "U8", "[2,2]", 0, 4) + "}   ",
      8);
  const auto file = File::open(bytes);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors()[0].name, "y");
  EXPECT_EQ(std::to_integer<int>(file->find("x")->data[0]), 4);
}

TEST(Safetensors, RefusesHeadersThatAreNone) {
  EXPECT_THAT(File::open({}).error().message, HasSubstr("too short"));
  for (const std::uint64_t declared :
       {std::uint64_t{3}, kMaximalHeader + 1, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    const auto bytes = file_of("{}", 0, declared);
    EXPECT_THAT(File::open(bytes).error().message, HasSubstr("too long")) << declared;
  }
  const auto whole = file_of("{" + entry("a", "U8", "[2]", 0, 2) + "}", 2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(File::open(std::span(whole).first(size))) << size;
  }
  for (const char* const header :
       {"", " ", "[]", "{", "{}x", "{,}", "{\"a\"}", "{\"a\":1}", "{\"a", "{\"a\\", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":{\"a\":\"b\",}}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}"}) {
    EXPECT_EQ(error_of(header, 0).kind, ErrorKind::kMalformed) << header;
  }
}

TEST(Safetensors, RefusesPlacesThatCannotBe) {
  const std::string a = entry("a", "F32", "[2]", 0, 8);
  const auto refused = [&](const std::string& more, std::size_t size) {
    return error_of("{" + a + more + "}", size).message;
  };
  EXPECT_THAT(refused("", 7), HasSubstr("past the end"));
  EXPECT_THAT(refused("", 9), HasSubstr("other bytes"));
  EXPECT_THAT(refused("," + entry("b", "F32", "[1]", 4, 8), 8), HasSubstr("overlap"));
  EXPECT_THAT(refused("," + entry("b", "F32", "[2]", 0, 8), 8), HasSubstr("overlap"));
  EXPECT_THAT(refused("," + entry("b", "F32", "[1]", 12, 16), 16), HasSubstr("hole"));
  EXPECT_THAT(refused("," + entry("b", "F32", "[1]", 12, 8), 16), HasSubstr("no place"));
  EXPECT_THAT(refused("," + a, 16), HasSubstr("twice"));
}

TEST(Safetensors, RefusesShapesThatAreNotTheirBytes) {
  const auto error = [](const std::string& type, const std::string& shape) {
    return error_of("{" + entry("a", type, shape, 0, 8) + "}", 8);
  };
  EXPECT_THAT(error("F16", "[2]").message, HasSubstr("not the size"));
  EXPECT_THAT(error("F32", "[3]").message, HasSubstr("not the size"));
  EXPECT_THAT(error("F32", "[4294967296,4294967296,2]").message, HasSubstr("not the size"));  // Wraps to 0 in 64 bits.
  EXPECT_THAT(error("F32", "[2305843009213693954]").message, HasSubstr("not the size"));      // Wraps to 8.
  EXPECT_EQ(error("F32", "[18446744073709551616]").kind, ErrorKind::kMalformed);
  EXPECT_EQ(error("F32", "[-1]").kind, ErrorKind::kMalformed);
  EXPECT_EQ(error("F32", "[2.0]").kind, ErrorKind::kMalformed);
  EXPECT_EQ(error("F32", "[1,1,1,1,1,1,1,1,2]").kind, ErrorKind::kMalformed);
  EXPECT_EQ(error("F31", "[2]").kind, ErrorKind::kUnsupported);
  EXPECT_EQ(error_of("{" + entry("a\\u0041", "U8", "[8]", 0, 8) + "}", 8).kind, ErrorKind::kUnsupported);
}

// Found by the fuzz target: a line break in a field's name made an error of two lines.
TEST(Safetensors, RefusesWithOnePlainLine) {
  const auto broken = error_of("{\"a\":{\"data_\n\noffsets\":[0,8]}}", 8);
  EXPECT_EQ(broken.kind, ErrorKind::kMalformed);
  EXPECT_EQ(broken.message, "byte 12 of the header is unexpected");
  EXPECT_THAT(error_of("{\"a\":{\"d\x7f\xc2\x9bz\":[0,8]}}", 8).message, HasSubstr("'d???z'"));
}

}  // namespace
}  // namespace linnet::safetensors
