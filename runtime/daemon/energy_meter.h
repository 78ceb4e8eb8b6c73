// Joules since the start, from samples of the power of the whole module.
#pragma once

#include <mutex>
#include <optional>

#include "hal/board.h"
#include "runtime/base/clock.h"

namespace linnet::daemon {

// Thread-safe. Between two samples the power is taken to be that of the earlier one.
class EnergyMeter {
 public:
  // A sample without the module's power (no such rail, or a sensor that fails now) ends the measurement until the next.
  void sample(const hal::Facts& facts, const hal::Vitals& vitals, Clock::time_point now);

  // Nothing where no power is known now: energy over such a gap is not known either.
  [[nodiscard]] std::optional<double> joules(Clock::time_point now) const;

 private:
  mutable std::mutex mutex_;
  double joules_ = 0;
  std::optional<double> watts_;
  Clock::time_point last_{};
};

}  // namespace linnet::daemon
