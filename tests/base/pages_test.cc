#include "runtime/base/pages.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/base/arena.h"
#include "runtime/base/mapped_file.h"

namespace linnet {
namespace {

constexpr std::size_t kPages = 64;

// A file of whole pages that the disk has, so that its pages may be dropped.
std::string write_pages() {
  const std::string path = testing::TempDir() + "pages";
  const std::vector<char> bytes(kPages * page_size(), 'x');
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  sync();
  return path;
}

TEST(Pages, WholeOnesLieInsideTouchedOnesAround) {
  const auto arena = Arena::create({4 * page_size()});
  ASSERT_TRUE(arena);
  const std::span<const std::byte> all = arena->bytes();
  const auto part = all.subspan(10, 2 * page_size());
  EXPECT_EQ(whole_pages(part).data(), all.data() + page_size());
  EXPECT_EQ(whole_pages(part).size(), page_size());
  EXPECT_EQ(touched_pages(part).data(), all.data());
  EXPECT_EQ(touched_pages(part).size(), 3 * page_size());
  EXPECT_TRUE(whole_pages(all.subspan(10, page_size())).empty());
}

TEST(Pages, GivenBackReadsAsZerosAndCountsWhatWasThere) {
  const auto arena = Arena::create({kPages * page_size()});
  ASSERT_TRUE(arena);
  const auto bytes = arena->bytes();
  EXPECT_EQ(give_back(bytes), 0u) << "nothing was touched";
  std::memset(bytes.data(), 1, 3 * page_size());
  EXPECT_EQ(resident_bytes(bytes), 3 * page_size());
  EXPECT_EQ(give_back(bytes.first(2 * page_size() + 7)), 2 * page_size()) << "a part of a page stays";
  EXPECT_EQ(bytes[0], std::byte{0});
  EXPECT_EQ(bytes[2 * page_size()], std::byte{1});
}

TEST(Pages, AFileIsDroppedAndReadAgain) {
  const auto file = MappedFile::open(write_pages());
  ASSERT_TRUE(file);
  const auto bytes = file->bytes();
  file->pages().drop(bytes);
  if (resident_bytes(bytes) != 0) GTEST_SKIP() << "this file system keeps its pages (or the emulator does)";
  // What was asked for is dropped page by page; what a fault brings may come in larger pieces that go as a whole.
  will_need(bytes);
  for (const std::byte byte : bytes) ASSERT_EQ(byte, std::byte{'x'});
  EXPECT_EQ(resident_bytes(bytes), bytes.size());
  file->pages().drop(bytes.subspan(page_size() / 2, 10 * page_size()));
  EXPECT_EQ(resident_bytes(bytes), bytes.size() - 9 * page_size()) << "whole pages alone";
  for (const std::byte byte : bytes) ASSERT_EQ(byte, std::byte{'x'});
}

bool is_emulated() {
  const char* emulator = std::getenv("LINNET_EMULATOR");
  return emulator != nullptr && *emulator != '\0';
}

TEST(Pages, AFileIsReadAhead) {
  if (is_emulated()) GTEST_SKIP() << "the emulator says yes to advice and does nothing";
  const auto file = MappedFile::open(write_pages());
  ASSERT_TRUE(file);
  file->pages().drop(file->bytes());
  const auto read = read_pages(file->bytes());
  if (!read && read.error().kind == ErrorKind::kUnsupported) GTEST_SKIP() << read.error().message;
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(resident_bytes(file->bytes()), file->bytes().size());
}

TEST(Pages, WhatIsNoFileIsNotDropped) {
  const auto arena = Arena::create({page_size()});
  ASSERT_TRUE(arena);
  arena->bytes()[0] = std::byte{7};
  MappedPages{arena->bytes()}.drop(arena->bytes());
  EXPECT_EQ(arena->bytes()[0], std::byte{7});
}

TEST(Pages, HugeOnesAreHadOrRefusedInWords) {
  const auto arena = Arena::create({std::uint64_t{8} << 20});
  ASSERT_TRUE(arena);
  const auto asked = use_huge_pages(arena->bytes());
  EXPECT_TRUE(asked || asked.error().message.find("huge pages") != std::string::npos);
}

// In a process of its own, which has no right to pass its limit.
TEST(Pages, ALockThatIsRefusedNamesTheLimit) {
  if (is_emulated()) GTEST_SKIP() << "the emulator keeps the limits to itself";
#ifdef LINNET_NO_MLOCK
  GTEST_SKIP() << "a sanitizer answers mlock()";
#endif
  const pid_t child = fork();
  if (child == 0) {
    const rlimit little{64 << 10, 64 << 10};
    if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 || (geteuid() == 0 && setuid(65534) != 0)) _exit(2);
    const auto arena = Arena::create({std::uint64_t{4} << 20});
    const auto locked = lock_pages(arena->bytes());
    const bool told = !locked && locked.error().message.find("may lock 64.0 KiB") != std::string::npos;
    _exit(told && lock_limit() == Bytes{64 << 10} ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace linnet
