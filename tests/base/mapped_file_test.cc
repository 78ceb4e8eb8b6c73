#include "runtime/base/mapped_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace linnet {
namespace {

std::string write_file(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const auto file = MappedFile::open(write_file("mapped", "abc"));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->bytes().size(), 3u);
  EXPECT_EQ(static_cast<char>(file->bytes()[2]), 'c');
}

TEST(MappedFile, SaysWhyItCannot) {
  EXPECT_EQ(MappedFile::open("/nowhere/at/all").error().kind, ErrorKind::kAbsent);
  EXPECT_EQ(MappedFile::open(testing::TempDir()).error().kind, ErrorKind::kMalformed);
  EXPECT_EQ(MappedFile::open(write_file("empty", "")).error().kind, ErrorKind::kMalformed);
}

}  // namespace
}  // namespace linnet
