#include "runtime/engine/memory_wishes.h"

#include <algorithm>
#include <cstdint>

#include "runtime/base/pages.h"
#include "runtime/base/units.h"

namespace linnet::engine {
namespace {

using Runs = std::span<const std::span<const std::byte>>;

constexpr std::size_t kReadAtOnce = std::size_t{64}
                                    << 20;  // A second of a slow card, between two looks at the watcher.

std::uint64_t size_of(Runs runs) {
  std::uint64_t sum = 0;
  for (const auto& run : runs) sum += run.size();
  return sum;
}

Result<void> read_all(Runs weights, LoadWatcher* watcher) {
  const std::uint64_t all = size_of(weights);
  std::uint64_t done = 0;
  for (auto run : weights) {
    for (; !run.empty(); run = run.subspan(std::min(run.size(), kReadAtOnce))) {
      const auto part = run.first(std::min(run.size(), kReadAtOnce));
      if (watcher != nullptr && !watcher->loading(done, all)) return fail(ErrorKind::kInterrupted, "stopped");
      LINNET_CHECK(read_pages(part));
      done += part.size();
    }
  }
  if (watcher != nullptr) static_cast<void>(watcher->loading(all, all));
  return {};
}

// An old kernel reads in the background instead.
Result<void> read_ahead(Runs weights, LoadWatcher* watcher, std::vector<std::string>& notes) {
  auto read = read_all(weights, watcher);
  if (read || read.error().kind == ErrorKind::kInterrupted) return read;
  if (read.error().kind == ErrorKind::kUnsupported) {
    for (const auto& run : weights) will_need(run);
    read.error().message += ": weights are read in the background instead";
  }
  note_refusal(read, notes);
  return {};
}

Result<void> lock_all(Runs weights) {
  for (const auto& run : weights) LINNET_CHECK(lock_pages(run));
  return {};
}

}  // namespace

void note_refusal(const Result<void>& asked, std::vector<std::string>& notes) {
  if (!asked) notes.push_back(asked.error().message);
}

Result<void> grant(const MemoryOptions& wishes, std::span<const std::byte> arena, Runs weights, LoadWatcher* watcher,
                   std::vector<std::string>& notes) {
  if (wishes.read_ahead) LINNET_CHECK(read_ahead(weights, watcher, notes));
  if (!wishes.lock) return {};
  const auto note = [&](const char* what, std::uint64_t size, const Result<void>& locked) {
    if (locked) return;
    notes.push_back(std::string("not all ") + what + " (" + to_string(Bytes{size}) +
                    ") are locked: " + locked.error().message);
  };
  note("buffers", arena.size(), lock_pages(arena));
  note("weights", size_of(weights), lock_all(weights));
  return {};
}

}  // namespace linnet::engine
