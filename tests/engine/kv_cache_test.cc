#include "runtime/engine/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "runtime/base/arena.h"
#include "runtime/engine/workspace.h"

namespace linnet::engine {
namespace {

using models::StateId;

models::Program two_layers() {
  models::Program program;
  program.states = {models::KvCache{2, 16, 16}, models::KvCache{3, 24, 8}};
  return program;
}

// A cache in an arena of exactly the planned size.
struct Held {
  explicit Held(const CacheShape& shape)
      : arena(*Arena::create({[&] {
          Measure measure;
          (void)KvCache(measure, program, shape);
          (void)measure.take<std::uint16_t>(cache_numbers(program, shape));
          return measure.bytes();
        }()})),
        cache(arena, program, shape) {
    cache.reset(program);
    cache.use_storage(arena.take<std::uint16_t>(cache_numbers(program, shape)));
  }
  models::Program program = two_layers();
  Arena arena;
  KvCache cache;
};

void extend(KvCache& cache, SequenceId id, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(cache.claim(id, cache.length(id) + i, 0));
  ASSERT_TRUE(cache.commit());
}

TEST(KvCache, TakesWhatWasMeasured) {
  Held held(CacheShape::for_all(3, 1000));
  EXPECT_EQ(held.arena.used(), held.arena.capacity());
  EXPECT_EQ(held.cache.shape().pages, 12u);
}

TEST(KvCache, NoTwoPlacesOverlap) {
  Held held(CacheShape::for_all(2, 512));
  std::vector<SequenceId> ids = {*held.cache.begin(), *held.cache.begin()};
  for (const SequenceId id : ids) extend(held.cache, id, 512);
  std::set<std::pair<const std::uint16_t*, const std::uint16_t*>> ranges;
  for (const SequenceId id : ids) {
    for (std::size_t state = 0; state < 2; ++state) {
      const auto& kv = std::get<models::KvCache>(held.program.states[state]);
      for (std::size_t page = 0; page < 2; ++page) {
        for (std::size_t head = 0; head < kv.kv_heads; ++head) {
          const auto* keys = held.cache.keys(StateId{static_cast<unsigned>(state)}, id, page, head);
          const auto* values = held.cache.values(StateId{static_cast<unsigned>(state)}, id, page, head);
          ranges.insert({keys, keys + 256 * kv.key_width});
          ranges.insert({values, values + 256 * kv.value_width});
        }
      }
    }
  }
  EXPECT_EQ(ranges.size(), 2u * 2 * (2 * 2 + 3 * 2));
  const std::uint16_t* end = nullptr;
  for (const auto& [first, last] : ranges) {
    EXPECT_GE(first, end);
    end = last;
  }
}

TEST(KvCache, PagesComeAndGoWithTheLength) {
  Held held(CacheShape::for_all(2, 600));
  const auto id = *held.cache.begin();
  EXPECT_EQ(held.cache.free_pages(), 6u);
  extend(held.cache, id, 256);
  EXPECT_EQ(held.cache.free_pages(), 5u);
  extend(held.cache, id, 1);
  EXPECT_EQ(held.cache.free_pages(), 4u);
  held.cache.truncate(id, 256);
  EXPECT_EQ(held.cache.free_pages(), 5u);
  held.cache.truncate(id, 10);
  EXPECT_EQ(held.cache.free_pages(), 5u);
  held.cache.end(id);
  EXPECT_EQ(held.cache.free_pages(), 6u);
  EXPECT_FALSE(held.cache.is_open(id));
}

TEST(KvCache, ClaimsThatAreDroppedChangeNothing) {
  Held held(CacheShape::for_all(1, 600));
  const auto id = *held.cache.begin();
  ASSERT_TRUE(held.cache.claim(id, 0, 0));
  ASSERT_TRUE(held.cache.claim(id, 1, 0));
  EXPECT_FALSE(held.cache.claim(id, 1, 0));
  held.cache.drop_claims();
  EXPECT_EQ(held.cache.length(id), 0u);
  EXPECT_TRUE(held.cache.claim(id, 0, 0));
}

// A pool smaller than all contexts together, as sharing it will have.
TEST(KvCache, APoolThatIsEmptyRefusesTheWholeStep) {
  Held held(CacheShape{.sequences = 2, .context = 512, .pages_a_sequence = 2, .pages = 3});
  const auto a = *held.cache.begin();
  const auto b = *held.cache.begin();
  extend(held.cache, a, 512);
  for (std::size_t i = 0; i < 257; ++i) ASSERT_TRUE(held.cache.claim(b, i, 0));
  const auto refused = held.cache.commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
  held.cache.drop_claims();
  EXPECT_EQ(held.cache.length(b), 0u);
  EXPECT_EQ(held.cache.free_pages(), 1u);
  extend(held.cache, b, 256);
}

TEST(KvCache, GivesBackWhatNoOpenSequenceHolds) {
  constexpr auto kF16 = kernels::CacheFormat::kF16;
  Held held(CacheShape::for_all(3, 1024));
  const auto fill = [&](SequenceId id, std::uint16_t value) {
    for (std::size_t state = 0; state < 2; ++state) {
      const auto& kv = std::get<models::KvCache>(held.program.states[state]);
      for (std::size_t page = 0; page < held.cache.pages(id).size(); ++page) {
        std::fill_n(held.cache.keys(StateId{static_cast<std::uint32_t>(state)}, id, page, 0), page_numbers(kv, kF16),
                    value);
      }
    }
  };
  const SequenceId open = *held.cache.begin();
  const SequenceId kept = *held.cache.begin();
  const SequenceId ended = *held.cache.begin();
  for (const SequenceId id : {kept, open, ended}) {
    extend(held.cache, id, 500);
    fill(id, 7);
  }
  const std::uint16_t* const storage = held.cache.keys(StateId{0}, kept, 0, 0);
  held.cache.keep(kept);
  held.cache.end(ended);
  // Four pages in each of the states, less what shares a page of the system's with a neighbour.
  const std::size_t pages = 4 * page_numbers(held.program, kF16) * sizeof(std::uint16_t);
  const std::size_t given = held.cache.give_back_idle();
  EXPECT_LE(given, pages);
  EXPECT_GE(given, pages * 3 / 4);
  EXPECT_EQ(held.cache.give_back_idle(), 0u) << "it is gone already";
  EXPECT_EQ(storage[page_numbers(held.program, kF16) / 4], 0) << "zeros from now on";
  for (std::size_t page = 0; page < 2; ++page) {
    const auto& kv = std::get<models::KvCache>(held.program.states[0]);
    const std::uint16_t* const keys = held.cache.keys(StateId{0}, open, page, 0);
    EXPECT_EQ(std::count(keys, keys + page_numbers(kv, kF16), 7), static_cast<std::ptrdiff_t>(page_numbers(kv, kF16)))
        << "in use";
  }
  EXPECT_EQ(held.cache.length(open), 500u);
  EXPECT_EQ(held.cache.free_pages(), held.cache.shape().pages - 2);
  const SequenceId next = *held.cache.begin();
  extend(held.cache, next, 1024);
  EXPECT_EQ(held.cache.pages(next).size(), 4u);
}

}  // namespace
}  // namespace linnet::engine
