// Monotonic time, for durations only.
#pragma once

#include <chrono>

namespace linnet {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double milliseconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace linnet
