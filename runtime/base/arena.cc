#include "runtime/base/arena.h"

#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/base/checked.h"

namespace linnet {

Result<Arena> Arena::create(Bytes size) {
  const auto rounded = checked_align(size.count == 0 ? 1 : size.count, kArenaAlignment);
  const auto capacity = rounded ? checked_narrow<std::size_t>(*rounded) : std::nullopt;
  if (!capacity) return fail(ErrorKind::kExhausted, to_string(size) + " of memory is more than addresses can reach");
  void* base = mmap(nullptr, *capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return fail(ErrorKind::kExhausted, "cannot reserve " + to_string(size) + " of memory: " + std::strerror(errno));
  }
  return Arena(static_cast<std::byte*>(base), *capacity);
}

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(capacity_, other.capacity_);
  std::swap(used_, other.used_);
  std::swap(sealed_, other.sealed_);
  return *this;
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, capacity_);
}

std::byte* Arena::take_bytes(std::size_t size) {
  assert(!sealed_ && "the arena is sealed: plan this buffer");
  assert(footprint(size) <= capacity_ - used_ && "the plan is smaller than what is taken");
  std::byte* start = base_ + used_;
  used_ += footprint(size);
  return start;
}

}  // namespace linnet
