#include "runtime/daemon/memory_watch.h"

#include <utility>

namespace linnet::daemon {

void MemoryWatch::sample(const hal::Vitals& vitals) {
  const std::lock_guard lock(mutex_);
  state_ = hal::judge_memory(vitals, state_);
  figures_.is_short = state_.is_short;
  is_new_ = true;
}

std::optional<hal::MemoryState> MemoryWatch::news() {
  const std::lock_guard lock(mutex_);
  return std::exchange(is_new_, false) ? std::optional(state_) : std::nullopt;
}

void MemoryWatch::note(Bytes given_back, Bytes streamed) {
  const std::lock_guard lock(mutex_);
  if (given_back.count != 0 || streamed > figures_.streamed) ++figures_.reliefs;
  figures_.given_back += given_back;
  figures_.streamed = streamed;
}

MemoryFigures MemoryWatch::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace linnet::daemon
