// Joules since the start, from samples of the module's power: its own rail's, or the sum of the parts that are
// measured.
#pragma once

#include <mutex>
#include <optional>

#include "hal/board.h"
#include "hal/energy.h"
#include "runtime/base/clock.h"

namespace linnet::daemon {

// Thread-safe. Between two samples the power is taken to be that of the earlier one.
class EnergyMeter {
 public:
  // A sample without power (no rail, or a sensor that fails now) ends the measurement until the next.
  void sample(const hal::Facts& facts, const hal::Vitals& vitals, Clock::time_point now);

  // Nothing where no power is known now: energy over such a gap is not known either.
  [[nodiscard]] std::optional<double> joules(Clock::time_point now) const;

  // Of what power is known now: measured of the whole, estimated from parts, absent.
  [[nodiscard]] hal::EnergySource source() const;

 private:
  mutable std::mutex mutex_;
  double joules_ = 0;
  std::optional<double> watts_;
  bool whole_ = true;
  Clock::time_point last_{};
};

}  // namespace linnet::daemon
