#include "runtime/engine/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cassert>
#include <string>
#include <system_error>

namespace linnet::engine {
namespace {

constexpr std::uint64_t kGeneration = std::uint64_t{1} << 32;

constexpr std::uint32_t chunks_left(std::uint64_t ticket) { return static_cast<std::uint32_t>(ticket); }

// Tells the core that this is a polling loop: it yields its pipeline to the other hardware thread.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1U, std::thread::hardware_concurrency());
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(std::size_t threads) {
  if (threads == 0 || threads > kMaxThreads) {
    return fail(ErrorKind::kUsage, "threads must be 1 to " + std::to_string(kMaxThreads));
  }
  // More threads than cores: a spinning thread would take the core that another one needs.
  std::unique_ptr<ThreadPool> pool(new ThreadPool(threads <= usable_cores()));
  try {
    pool->workers_.reserve(threads - 1);
    for (std::size_t worker = 1; worker < threads; ++worker) {
      pool->workers_.emplace_back([raw = pool.get(), worker] { raw->work(worker); });
    }
  } catch (const std::system_error&) {
    return fail(ErrorKind::kExhausted, "the system gives no " + std::to_string(threads) + " threads; ask for fewer");
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stop_.store(true);
  bell_.fetch_add(1);
  bell_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(std::size_t chunks, Job job) {
  if (chunks <= 1 || workers_.empty()) {
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) job(chunk, 0);
    return;
  }
  assert(chunks <= UINT32_MAX);
  job_ = &job;
  chunks_ = static_cast<std::uint32_t>(chunks);
  done_.store(0, std::memory_order_relaxed);
  const std::uint64_t ticket =
      (ticket_.load(std::memory_order_relaxed) & ~std::uint64_t{UINT32_MAX}) + kGeneration + chunks;
  // Sequentially consistent, as is the count of sleepers: either a thread going to sleep sees this job, or we see it.
  ticket_.store(ticket);
  if (sleepers_.load() != 0) {
    bell_.fetch_add(1);
    bell_.notify_all();
  }
  take_chunks(ticket, 0);
  wait_for_completion(chunks_);
}

// Computes chunks of the job that `word` shows until none is left, then reports them in one addition.
void ThreadPool::take_chunks(std::uint64_t word, std::size_t worker) {
  const std::uint64_t generation = word & ~std::uint64_t{UINT32_MAX};
  std::uint32_t taken = 0;
  while (chunks_left(word) != 0 && (word & ~std::uint64_t{UINT32_MAX}) == generation) {
    if (!ticket_.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    (*job_)(chunks_ - chunks_left(word), worker);
    ++taken;
    word = ticket_.load(std::memory_order_acquire);
  }
  if (taken != 0) finish(taken);
}

void ThreadPool::finish(std::uint32_t count) {
  // The job's size is read before the report: after it, the caller may start another.
  const std::uint32_t chunks = chunks_;
  if (done_.fetch_add(count) + count == chunks && caller_sleeps_.load()) done_.notify_one();
}

void ThreadPool::wait_for_completion(std::uint32_t chunks) {
  for (int i = 0; i < spins_; ++i) {
    if (done_.load(std::memory_order_acquire) == chunks) return;
    relax();
  }
  caller_sleeps_.store(true);
  for (std::uint32_t done = done_.load(); done != chunks; done = done_.load()) done_.wait(done);
  caller_sleeps_.store(false);
}

// The ticket of a job with chunks left; 0 when the pool ends.
std::uint64_t ThreadPool::next_job() {
  for (int i = 0; i < spins_; ++i) {
    if (const auto ticket = ticket_.load(std::memory_order_acquire); chunks_left(ticket) != 0) return ticket;
    relax();
  }
  while (!stop_.load()) {
    const std::uint32_t rings = bell_.load();
    sleepers_.fetch_add(1);
    const std::uint64_t ticket = ticket_.load();
    if (chunks_left(ticket) == 0 && !stop_.load()) bell_.wait(rings);
    sleepers_.fetch_sub(1);
    if (chunks_left(ticket) != 0) return ticket;
  }
  return 0;
}

void ThreadPool::work(std::size_t worker) {
  for (std::uint64_t ticket = next_job(); ticket != 0; ticket = next_job()) take_chunks(ticket, worker);
}

}  // namespace linnet::engine
