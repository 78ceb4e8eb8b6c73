// How fast the engine may go: what the governor of a board says, and what the engine's users obey without knowing
// boards.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "runtime/base/clock.h"

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

// What is owed in pauses for work that was done. Time in which nothing is computed pays it back, whatever the reason,
// so that the share holds over seconds and a short answer after a calm moment is given whole: silicon needs longer than
// kCredit to warm, and the governor looks once a second.
class PauseLedger {
 public:
  static constexpr std::chrono::milliseconds kCredit{250};

  // Computed from `from` to `until`, at `pace`.
  void work(Clock::time_point from, Clock::time_point until, const Pace& pace) {
    carried_ = std::max(Clock::duration::zero(), owed(from, pace));
    busy_ = until - from;
    until_ = until;
  }

  // What to wait from `now` on before computing again; zero or less: nothing. A new pace counts for the last stretch.
  [[nodiscard]] Clock::duration due(Clock::time_point now, const Pace& pace) const { return owed(now, pace) - kCredit; }

 private:
  [[nodiscard]] Clock::duration owed(Clock::time_point now, const Pace& pace) const {
    return carried_ + pace.pause_after(std::chrono::duration_cast<std::chrono::microseconds>(busy_)) - (now - until_);
  }

  Clock::time_point until_{};
  Clock::duration busy_{};
  Clock::duration carried_{};  // Owed before that stretch.
};

}  // namespace linnet
