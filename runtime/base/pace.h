// How fast the engine may go: what the governor of a board says, and what the engine's users obey without knowing
// boards.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace linnet {

struct Pace {
  // Of the time, computing; the rest is paused, token by token. Over 0: nothing stops silently.
  double work_share = 1;
  std::size_t most_together = 0;  // Answers at a time; 0: as many as there is room for.
  bool admit = true;              // Whether new work may be taken.
  std::string_view reason{};      // A literal, for people: why it is not full speed. Empty at full speed.

  // What to wait after computing for `busy`.
  [[nodiscard]] std::chrono::microseconds pause_after(std::chrono::microseconds busy) const {
    if (work_share >= 1) return std::chrono::microseconds(0);
    const double rest = (1 - work_share) / std::max(work_share, 1e-3);
    return std::chrono::microseconds(static_cast<std::int64_t>(static_cast<double>(busy.count()) * rest));
  }
};

}  // namespace linnet
