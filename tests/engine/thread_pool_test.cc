#include "runtime/engine/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
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

// Cores of unequal speed: the slow worker's chunks take four times as long, so it takes a fifth of them, not a half,
// and the job ends when the fast one does.
TEST(ThreadPool, WorkIsSharedBySpeedNotByCount) {
  constexpr std::size_t kChunks = 100;
  constexpr std::chrono::milliseconds kFast{1};
  const auto pool = pool_of(2);
  std::vector<std::size_t> taken(2);
  const auto start = std::chrono::steady_clock::now();
  pool->run(kChunks, [&](std::size_t, std::size_t worker) {
    ++taken[worker];
    std::this_thread::sleep_for(worker == 1 ? 4 * kFast : kFast);
  });
  const auto took = std::chrono::steady_clock::now() - start;
  const double share = static_cast<double>(taken[1]) / kChunks;
  std::printf("[ FIGURES  ] a worker of a quarter of the speed took %.2f of the work\n", share);
  EXPECT_GT(share, 0.10);
  EXPECT_LT(share, 0.32);
  EXPECT_LT(took, kChunks / 2 * 4 * kFast) << "equal shares would wait for the slow one";
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
