#include "runtime/engine/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace linnet::engine {
namespace {

std::unique_ptr<ThreadPool> pool_of(std::size_t threads) {
  auto pool = ThreadPool::create(threads);
  EXPECT_TRUE(pool) << (pool ? "" : pool.error().message);
  return *std::move(pool);
}

TEST(ThreadPool, RunsEveryChunkOnce) {
  for (const std::size_t threads : {1U, 2U, 3U, 5U}) {
    const auto pool = pool_of(threads);
    for (const std::size_t chunks : {0U, 1U, 2U, 3U, 7U, 64U, 1000U}) {
      std::vector<int> calls(chunks, 0);  // A chunk belongs to one thread, so plain counters do.
      pool->run(chunks, [&](std::size_t chunk, std::size_t worker) {
        ASSERT_LT(worker, threads);
        calls[chunk] += 1;
      });
      EXPECT_EQ(calls, std::vector<int>(chunks, 1)) << threads << " threads";
    }
  }
}

TEST(ThreadPool, OneJobsResultsAreSeenByTheNext) {
  const auto pool = pool_of(3);
  std::vector<std::size_t> values(37, 0);
  for (std::size_t round = 0; round < 5000; ++round) {
    // Reads a neighbour that another thread may have written in the last round.
    std::vector<std::size_t> next(values.size());
    pool->run(values.size(), [&](std::size_t i, std::size_t) { next[i] = values[(i + 1) % values.size()] + 1; });
    values = next;
  }
  EXPECT_EQ(values, std::vector<std::size_t>(values.size(), 5000));
}

TEST(ThreadPool, WakesThreadsThatWentToSleep) {
  const auto pool = pool_of(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    // Each chunk waits for the other, so that both threads must take part.
    std::atomic<int> arrived{0};
    pool->run(2, [&](std::size_t, std::size_t) {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived.load(), 2);
  }
}

TEST(ThreadPool, WorkersAreConstantAndDistinct) {
  const auto pool = pool_of(2);
  std::vector<std::thread::id> owner(2);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> arrived{0};
    pool->run(2, [&](std::size_t, std::size_t worker) {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
      if (owner[worker] == std::thread::id{}) owner[worker] = std::this_thread::get_id();
      EXPECT_EQ(owner[worker], std::this_thread::get_id());
    });
  }
  EXPECT_NE(owner[0], owner[1]);
}

// Two workers whose pace no clock decides: the fast one computes four chunks in the time that the slow one takes for
// one.
class UnequalPace {
 public:
  static constexpr std::size_t kRatio = 4;

  explicit UnequalPace(std::size_t chunks) : chunks_(chunks) {}

  void compute(std::size_t worker) {
    const std::size_t mine = begun_[worker].fetch_add(1);
    const std::size_t other = worker == 0 ? mine / kRatio + 1 : (mine + 1) * kRatio;
    // The last chunks have nobody to wait for. A pool that hands out equal shares would wait for ever: it may go on,
    // unequal.
    for (std::size_t turns = 0; begun_[1 - worker].load() < other && !all_are_begun() && turns < kPatience; ++turns) {
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
  }

  std::size_t taken(std::size_t worker) const { return begun_[worker].load(); }

 private:
  static constexpr std::size_t kPatience = 100'000;

  bool all_are_begun() const { return begun_[0].load() + begun_[1].load() == chunks_; }

  std::size_t chunks_;
  std::array<std::atomic<std::size_t>, 2> begun_{};
};

TEST(ThreadPool, WorkIsSharedBySpeedNotByCount) {
  constexpr std::size_t kChunks = 100;
  UnequalPace pace(kChunks);
  pool_of(2)->run(kChunks, [&](std::size_t, std::size_t worker) { pace.compute(worker); });
  EXPECT_EQ(pace.taken(0) + pace.taken(1), kChunks);
  EXPECT_NEAR(static_cast<double>(pace.taken(1)), kChunks / (UnequalPace::kRatio + 1.0), 1.0);
}

TEST(ThreadPool, RefusesCountsThatMakeNoSense) {
  for (const std::size_t threads : {std::size_t{0}, ThreadPool::kMaxThreads + 1}) {
    const auto pool = ThreadPool::create(threads);
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().kind, ErrorKind::kUsage);
  }
}

TEST(UsableCores, IsAtLeastOne) { EXPECT_GE(usable_cores(), 1u); }

}  // namespace
}  // namespace linnet::engine
