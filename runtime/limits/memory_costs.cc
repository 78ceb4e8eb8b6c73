#include "runtime/limits/memory_costs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/limits/limits.h"
#include "runtime/base/arena.h"
#include "runtime/base/clock.h"
#include "runtime/base/pages.h"
#include "runtime/engine/thread_pool.h"

namespace linnet::limits {
namespace {

using engine::ThreadPool;

constexpr Bytes kLeastLocked{std::uint64_t{1} << 20};  // Less tells nothing.
constexpr std::size_t kPiece = std::size_t{1} << 20;

// A file without a disk, all of it in the page cache.
class CachedFile {
 public:
  explicit CachedFile(std::size_t size) : size_(size), descriptor_(memfd_create("linnet-doctor", MFD_CLOEXEC)) {}
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;
  ~CachedFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  [[nodiscard]] Result<void> fill() const {
    const std::vector<char> piece(kPiece, 1);
    for (std::size_t done = 0; done < size_; done += kPiece) {
      if (descriptor_ < 0 || pwrite(descriptor_, piece.data(), kPiece, static_cast<off_t>(done)) != off_t{kPiece}) {
        return fail(ErrorKind::kIo, std::string("memory cannot be measured: ") + std::strerror(errno));
      }
    }
    return {};
  }

  // Milliseconds for 10^9 bytes that `use` takes for the first `size` bytes, freshly mapped; nothing where it fails.
  template <class Use>
  [[nodiscard]] std::optional<double> time(std::size_t size, Use use) const {
    void* const data = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (data == MAP_FAILED) return std::nullopt;
    const auto start = Clock::now();
    const bool done = use(std::span(static_cast<const std::byte*>(data), size));
    const double milliseconds = milliseconds_between(start, Clock::now());
    munmap(data, size);
    return done ? std::optional(milliseconds * 1e9 / static_cast<double>(size)) : std::nullopt;
  }

 private:
  std::size_t size_;
  int descriptor_;
};

bool touch(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += page_size()) {
    static_cast<void>(*static_cast<const volatile std::byte*>(&bytes[at]));
  }
  return true;
}

std::optional<Spread> spread_if_any(std::vector<double> values) {
  return values.empty() ? std::nullopt : std::optional(spread_of(std::move(values)));
}

Result<void> measure_file(const MeasureOptions& options, MemoryCosts& costs) {
  const auto size = static_cast<std::size_t>(options.buffer.count);
  const CachedFile file(size);
  LINNET_CHECK(file.fill());
  costs.lock_limit = lock_limit();
  const Bytes lockable = std::min(costs.lock_limit.value_or(options.buffer), options.buffer);
  const auto locked = static_cast<std::size_t>(lockable.count) / page_size() * page_size();
  std::vector<double> touches, reads, locks;
  const auto keep = [](std::vector<double>& values, std::optional<double> value) {
    if (value) values.push_back(*value);
  };
  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
    keep(touches, file.time(size, touch));
    keep(reads, file.time(size, [](auto bytes) { return read_pages(bytes).has_value(); }));
    if (lockable < kLeastLocked) continue;
    keep(locks, file.time(locked, [](auto bytes) { return lock_pages(bytes).has_value(); }));
  }
  if (touches.empty()) return fail(ErrorKind::kExhausted, "memory cannot be measured: the system maps no more");
  costs.first_touch = spread_of(std::move(touches));
  costs.read_ahead = spread_if_any(std::move(reads));
  costs.lock = spread_if_any(std::move(locks));
  return {};
}

// Seconds to read all of it with all threads.
double read_seconds(ThreadPool& pool, const kernels::Limits& kernels, std::span<const std::byte> memory) {
  std::vector<std::uint64_t> sums(memory.size() / kPiece);  // Kept, so that nothing that was read is left out.
  const auto start = Clock::now();
  pool.run(sums.size(), [&](std::size_t piece, std::size_t) {
    sums[piece] = kernels.read(reinterpret_cast<const std::uint64_t*>(memory.data() + piece * kPiece),
                               kPiece / sizeof(std::uint64_t));
  });
  return milliseconds_between(start, Clock::now());
}

// Small pages and huge ones by turns, so that a disturbance hits both.
Result<void> measure_huge_pages(const MeasureOptions& options, MemoryCosts& costs) {
  LINNET_TRY(const auto* kernels, kernels::choose("limits", kernels::limits_variants(), options.cpu, options.forced));
  LINNET_TRY(const Arena small, Arena::create(options.buffer));
  LINNET_TRY(const Arena huge, Arena::create(options.buffer));
  const auto refused = use_huge_pages(huge.bytes());
  if (!refused) {
    costs.no_huge_pages = refused.error().message;
    return {};
  }
  madvise(small.bytes().data(), small.bytes().size(), MADV_NOHUGEPAGE);
  for (const auto bytes : {small.bytes(), huge.bytes()}) std::memset(bytes.data(), 1, bytes.size());
  LINNET_TRY(const auto pool, ThreadPool::create(options.threads));
  std::vector<double> gains;
  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
    const double slow = read_seconds(*pool, *kernels->function, small.bytes());
    gains.push_back(slow / read_seconds(*pool, *kernels->function, huge.bytes()));
  }
  costs.huge_pages = spread_of(std::move(gains));
  return {};
}

}  // namespace

Result<MemoryCosts> measure_memory_costs(const MeasureOptions& options) {
  MemoryCosts costs;
  LINNET_CHECK(measure_file(options, costs));
  LINNET_CHECK(measure_huge_pages(options, costs));
  return costs;
}

}  // namespace linnet::limits
