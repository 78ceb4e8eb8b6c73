// What reading ahead, locking and huge pages cost and bring on this machine, measured in some hundred milliseconds.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/limits/limits.h"

namespace linnet::limits {

struct MemoryCosts {
  // Milliseconds for 10^9 bytes that are in the page cache. A disk's time comes on top where they are not.
  Spread first_touch;                // Without reading ahead: what the first tokens wait.
  std::optional<Spread> read_ahead;  // Nothing where the kernel cannot (Linux before 5.14).
  std::optional<Spread> lock;        // Nothing where this process may lock next to nothing.
  std::optional<Bytes> lock_limit;   // Nothing: none.
  // Speed of reading buffers in huge pages, 1 being that in small ones; nothing where there are none …
  std::optional<Spread> huge_pages;
  std::string no_huge_pages;  // … and why.
};

// More measures nothing else and takes longer.
inline constexpr Bytes kMostForCosts{std::uint64_t{64} << 20};

// Takes up to twice `options.buffer` of memory while it runs. Errors: kExhausted, kIo; kUsage (no such variant).
[[nodiscard]] Result<MemoryCosts> measure_memory_costs(const MeasureOptions& options);

}  // namespace linnet::limits
