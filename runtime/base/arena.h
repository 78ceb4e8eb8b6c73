// One anonymous reservation that every planned buffer comes from; sealed before the first token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet {

inline constexpr std::size_t kArenaAlignment = 64;  // A cache line, and the widest vector register.

// Bump allocation from one mapping. Owns the memory; spans handed out borrow it. Not thread-safe: it is used while
// loading.
class Arena {
 public:
  // Maps `size` bytes (zero pages; touched pages alone count as used). Errors: kExhausted.
  [[nodiscard]] static Result<Arena> create(Bytes size);

  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  // `count` zeroed elements, 64-byte aligned. Asserts that the arena is not sealed and has room: the planner asked for
  // it.
  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    return {reinterpret_cast<T*>(take_bytes(count * sizeof(T))), count};
  }

  // After this, take() asserts: nothing more comes from the arena.
  void seal() { sealed_ = true; }

  // All of it.
  [[nodiscard]] std::span<std::byte> bytes() const { return {base_, capacity_}; }
  [[nodiscard]] Bytes capacity() const { return {capacity_}; }
  [[nodiscard]] Bytes used() const { return {used_}; }

  // What take<T>(count) will use of an arena, for planning.
  [[nodiscard]] static constexpr std::size_t footprint(std::size_t bytes) {
    return (bytes + kArenaAlignment - 1) & ~(kArenaAlignment - 1);
  }

 private:
  Arena(std::byte* base, std::size_t capacity) : base_(base), capacity_(capacity) {}
  std::byte* take_bytes(std::size_t size);

  std::byte* base_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  bool sealed_ = false;
};

}  // namespace linnet
