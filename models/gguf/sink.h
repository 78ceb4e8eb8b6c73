// Where a written file goes: positioned writes into a size known beforehand.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"

namespace linnet::gguf {

// A writer first reserves the whole size, then writes any part in any order, some of it again (header fields are
// patched when hashes are known). Bytes that are never written read as zero. write_at may be called from several
// threads for parts that do not overlap.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  // Makes room for `size` bytes; called once, before any write. Errors: kExhausted (no room), kIo.
  [[nodiscard]] virtual Result<void> reserve(std::uint64_t size) = 0;

  // Writes inside the reserved size. Errors: kExhausted, kIo.
  [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
};

// Told how far a long job is; false stops the job, which then fails with kInterrupted.
using Progress = FunctionRef<bool(std::uint64_t bytes_done, std::uint64_t bytes_in_all)>;

[[nodiscard]] inline Result<void> report(Progress progress, std::uint64_t done, std::uint64_t all) {
  if (!progress(done, all)) return fail(ErrorKind::kInterrupted, "stopped; nothing was written");
  return {};
}

// Keeps the file in memory: for tests, and for packing where no disk has room.
class MemorySink final : public Sink {
 public:
  [[nodiscard]] Result<void> reserve(std::uint64_t size) override {
    bytes_.assign(static_cast<std::size_t>(size), std::byte{0});
    return {};
  }

  [[nodiscard]] Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    assert(offset <= bytes_.size() && bytes.size() <= bytes_.size() - offset);
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace linnet::gguf
