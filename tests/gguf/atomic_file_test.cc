#include "models/gguf/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace linnet::gguf {
namespace {

using testing::HasSubstr;
using Unfinished = AtomicFile::Unfinished;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class AtomicFileTest : public testing::TestWithParam<Unfinished> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "atomicXXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/model.gguf";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::string folder_;
  std::string path_;
};

TEST_P(AtomicFileTest, AppearsWholeAtCommit) {
  auto file = AtomicFile::create(path_, GetParam());
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->reserve(6));
  ASSERT_TRUE(file->write_at(3, bytes_of("def")));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(files(), GetParam() == Unfinished::kNamed ? 1U : 0U);
  ASSERT_TRUE(file->write_at(0, bytes_of("abc")));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content_of(path_), "abcdef");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileTest, ReplacesAFileAtCommitOnly) {
  std::ofstream(path_) << "old";
  auto file = AtomicFile::create(path_, GetParam());
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->reserve(3));
  ASSERT_TRUE(file->write_at(0, bytes_of("new")));
  EXPECT_EQ(content_of(path_), "old");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content_of(path_), "new");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileTest, LeavesNothingWithoutCommit) {
  std::ofstream(path_) << "old";
  {
    auto file = AtomicFile::create(path_, GetParam());
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write_at(0, bytes_of("half")));
    const AtomicFile moved = std::move(*file);
  }
  EXPECT_EQ(content_of(path_), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_P(AtomicFileTest, RefusesMoreThanTheDiskHasWithNumbers) {
  auto file = AtomicFile::create(path_, GetParam());
  ASSERT_TRUE(file);
  const auto refused = file->reserve(std::uint64_t{1} << 60);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("are needed and"));
  EXPECT_THAT(refused.error().message, HasSubstr("are free"));
}

// Stands for a disk that fills up: a process limit on file size gives EFBIG where a full disk gives ENOSPC.
TEST_P(AtomicFileTest, ReportsAWriteThatDoesNotFit) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    auto file = AtomicFile::create(path_, GetParam());
    bool right = file && setrlimit(RLIMIT_FSIZE, &limit) == 0;
    right = right && file->reserve(8192).error().kind == ErrorKind::kExhausted;
    right = right && file->write_at(4096, bytes_of("x")).error().kind == ErrorKind::kExhausted;
    file = fail(ErrorKind::kIo, "");  // Destroys the file: _exit does not.
    _exit(right ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(files(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Forms, AtomicFileTest, testing::Values(Unfinished::kUnnamed, Unfinished::kNamed));

// Killed in the middle of writing, it must leave no file behind where unnamed files exist.
TEST(AtomicFile, LeavesNothingWhenKilled) {
  std::string pattern = testing::TempDir() + "killedXXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = AtomicFile::create(folder + "/model.gguf");
    if (file && file->write_at(0, bytes_of("half"))) raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "this file system has no unnamed files";
  std::filesystem::remove_all(folder);
}

TEST(AtomicFile, SaysWhyItCannot) {
  EXPECT_EQ(AtomicFile::create("/nowhere/at/all").error().kind, ErrorKind::kAbsent);
  EXPECT_EQ(AtomicFile::create("/dev/null").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(AtomicFile::create(testing::TempDir()).error().kind, ErrorKind::kUsage);
}

}  // namespace
}  // namespace linnet::gguf
