#include "runtime/base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace linnet {
namespace {

TEST(Arena, HandsOutZeroedAlignedSpansUntilFull) {
  auto arena = Arena::create({Arena::footprint(100) + Arena::footprint(8)});
  ASSERT_TRUE(arena);
  const auto first = arena->take<std::uint8_t>(100);
  const auto second = arena->take<double>(1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second.data()) % kArenaAlignment, 0u);
  EXPECT_GE(reinterpret_cast<std::uint8_t*>(second.data()), first.data() + first.size());
  for (const auto byte : first) EXPECT_EQ(byte, 0);
  EXPECT_EQ(arena->used(), arena->capacity());
}

TEST(Arena, RefusesWhatTheMachineCannotReserve) {
  const auto arena = Arena::create({std::uint64_t{1} << 60});
  ASSERT_FALSE(arena);
  EXPECT_EQ(arena.error().kind, ErrorKind::kExhausted);
}

#ifndef NDEBUG
TEST(ArenaDeathTest, SealedArenaGivesNothing) {
  auto arena = Arena::create({4096});
  ASSERT_TRUE(arena);
  arena->seal();
  EXPECT_DEATH((void)arena->take<int>(1), "sealed");
}
#endif

}  // namespace
}  // namespace linnet
