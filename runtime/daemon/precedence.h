// Which of the answers that have begun advance now, and which pause: a pure function of what each needs.
//
// Pages of a paused answer stay, so what runs must be able to come to its end with the pages that are left. It can: an
// answer is chosen only where all that it may still need fits beside what everybody holds. So whoever was chosen once
// can finish first, and the others after it as before: no choice leads to a standstill.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/daemon/request.h"

namespace linnet::daemon {

// What an answer is and holds.
struct Claim {
  Priority priority = Priority::kNormal;
  std::uint64_t order = 0;  // Of its beginning.
  std::size_t held = 0;     // Pages of the KV cache now …
  std::size_t most = 0;     // … and at its end at most.
};

inline constexpr std::size_t kMostClaims = 32;  // 16 that run, 16 that pause.

// Those that advance: at most `at_once`, the more urgent first, then the older, of `pages` in all. Never none of some.
[[nodiscard]] std::bitset<kMostClaims> advancing(std::span<const Claim> claims, std::size_t at_once, std::size_t pages);

}  // namespace linnet::daemon
