// Memory of a device: pieces in chunks, ranges of pages.
#include <gtest/gtest.h>

#include "runtime/engine/cuda/device_arena.h"
#include "runtime/engine/cuda/device_weights.h"
#include "tests/engine/cuda/fake_driver.h"

namespace linnet::engine::cuda::test {
namespace {

constexpr std::size_t kChunk = ChunkLayout::kChunk;

TEST(ChunkLayout, PiecesFollowOneAnotherAligned) {
  ChunkLayout layout;
  EXPECT_EQ(layout.take(1).offset, 0U);
  EXPECT_EQ(layout.take(257).offset, 256U);
  EXPECT_EQ(layout.take(8).offset, 768U);
  EXPECT_EQ(layout.chunks().size(), 1U);
  EXPECT_EQ(layout.total().count, 1024U);
}

TEST(ChunkLayout, NothingIsCutOverTwoChunks) {
  ChunkLayout layout;
  (void)layout.take(kChunk - 256);
  EXPECT_EQ(layout.take(256).chunk, 0U);
  EXPECT_EQ(layout.take(256).chunk, 1U);
  const auto large = layout.take(3 * kChunk);
  EXPECT_EQ(large.chunk, 2U);
  EXPECT_EQ(large.offset, 0U);
  EXPECT_EQ(layout.take(256).chunk, 3U);
  EXPECT_EQ(layout.chunks()[2], 3 * kChunk);
  EXPECT_EQ(layout.total().count, kChunk + 256 + 3 * kChunk + 256);
}

TEST(DeviceArena, GivesWhatWasPlanned) {
  FakeDriver fake;
  const Driver driver(fake.functions());
  ChunkLayout plan;
  for (const std::size_t bytes : {100U, 5000U, 0U, 256U}) (void)plan.take(bytes);
  {
    auto arena = DeviceArena::reserve(driver, plan);
    ASSERT_TRUE(arena);
    const DeviceAddress first = arena->take(100);
    EXPECT_EQ(arena->take(5000), first + 256);
    (void)arena->take(0);
    EXPECT_EQ(arena->take(256) + 256, first + plan.total().count);
    EXPECT_EQ(fake.memory_in_use(), plan.total().count);
  }
  EXPECT_EQ(fake.memory_in_use(), 0U);
}

TEST(DeviceArena, WhatDoesNotFitIsGivenBackAndSaid) {
  FakeDriver fake({.memory = std::size_t{4} << 20});
  const Driver driver(fake.functions());
  ChunkLayout plan;
  (void)plan.take(std::size_t{3} << 20);
  (void)plan.take(kChunk);
  const auto arena = DeviceArena::reserve(driver, plan);
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error().kind, ErrorKind::kExhausted);
  EXPECT_NE(arena.error().message.find("256 MiB after 3.00 MiB of 259 MiB"), std::string::npos)
      << arena.error().message;
  EXPECT_EQ(fake.memory_in_use(), 0U);
}

TEST(PageRanges, HoldAllPartsInWholePagesWithoutOverlap) {
  const auto* const base = reinterpret_cast<const std::byte*>(std::uintptr_t{1} << 30);
  const std::size_t far = std::size_t{8} << 20;
  const auto ranges =
      page_ranges({{base + far + 100, 50}, {base + 5000, 10}, {base + 4096, 4096}, {base, 1}, {base, 0}});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].data(), base);
  EXPECT_EQ(ranges[0].size(), 8192U);
  EXPECT_EQ(ranges[1].data(), base + far);
  EXPECT_EQ(ranges[1].size(), 4096U);
  // One that ends in the middle of a longer one does not shorten it.
  const auto nested = page_ranges({{base, 100000}, {base + 10, 10}});
  ASSERT_EQ(nested.size(), 1U);
  EXPECT_EQ(nested[0].size(), 102400U);
}

}  // namespace
}  // namespace linnet::engine::cuda::test
