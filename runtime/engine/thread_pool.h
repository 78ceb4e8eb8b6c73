// A fixed set of threads that share the chunks of one job at a time.
//
// An operation of the program is a job; its chunks are taken in ascending order by whoever is free, so that cores of
// unequal speed finish together. Which thread computes a chunk never shows in the result (ARCHITECTURE, canonical
// arithmetic).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"

namespace linnet::engine {

// Cores that this process may run on (its affinity mask), at least 1.
[[nodiscard]] std::size_t usable_cores();

// Owns `threads - 1` threads; the caller of run() is the last one. Idle threads spin for some tens of microseconds, the
// pause between two operations of a step, then sleep in the kernel. run() neither allocates nor locks.
class ThreadPool {
 public:
  // chunk: [0, chunks). worker: [0, threads), constant for a thread, so it may index scratch.
  using Job = FunctionRef<void(std::size_t chunk, std::size_t worker)>;

  // `threads` in [1, kMaxThreads]. Errors: kUsage (a count outside), kExhausted (the system gives no more threads).
  [[nodiscard]] static Result<std::unique_ptr<ThreadPool>> create(std::size_t threads);

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // Calls job(chunk, worker) once for each chunk below `chunks` (under 2^32) and returns when all have returned. Only
  // one thread may call it at a time, and not from inside a job.
  void run(std::size_t chunks, Job job);

  [[nodiscard]] std::size_t threads() const { return workers_.size() + 1; }

  static constexpr std::size_t kMaxThreads = 256;

 private:
  explicit ThreadPool(bool spin) : spins_(spin ? kSpins : 0) {}

  void work(std::size_t worker);
  void take_chunks(std::uint64_t word, std::size_t worker);
  [[nodiscard]] std::uint64_t next_job();
  void wait_for_completion(std::uint32_t chunks);
  void finish(std::uint32_t count);

  // Polls of an atomic before sleeping, each about 10 to 20 ns: longer than the gap between operations, short enough
  // not to heat an idle board.
  static constexpr int kSpins = 2000;

  // The job as one word, so that a chunk is taken by one compare-exchange and a thread that slept through a job can
  // never take a chunk of the next one under the wrong name: generation in the high half, chunks not yet taken in the
  // low half.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  // Stable while any chunk of the job is unfinished: written before `ticket_`, read after a chunk was taken.
  const Job* job_ = nullptr;
  std::uint32_t chunks_ = 0;

  alignas(64) std::atomic<std::uint32_t> done_{0};  // Chunks finished.
  alignas(64) std::atomic<std::uint32_t> bell_{0};  // Rung when sleepers have something to look at.
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stop_{false};
  int spins_;
  std::vector<std::thread> workers_;
};

}  // namespace linnet::engine
