#include "runtime/daemon/memory_watch.h"

#include <utility>

#include "runtime/base/process_memory.h"

namespace linnet::daemon {

void MemoryWatch::sample(const hal::Vitals& vitals) {
  const Bytes anonymous = anonymous_memory_now();  // Here, for reading a file allocates, and the worker must not.
  const std::lock_guard lock(mutex_);
  anonymous_ = anonymous;
  state_ = hal::judge_memory(vitals, state_);
  figures_.is_short = state_.is_short;
  is_new_ = true;
}

std::optional<hal::MemoryState> MemoryWatch::news() {
  const std::lock_guard lock(mutex_);
  return std::exchange(is_new_, false) ? std::optional(state_) : std::nullopt;
}

Bytes MemoryWatch::anonymous() const {
  const std::lock_guard lock(mutex_);
  return anonymous_;
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
