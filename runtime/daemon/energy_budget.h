// How much of the energy that a device may use in a day it has used in the last 24 hours.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/base/clock.h"
#include "runtime/daemon/request.h"

namespace linnet::daemon {

// Of so much energy at a price of a kilowatt hour.
[[nodiscard]] constexpr double cost_of(double joules, double tariff) { return joules / 3.6e6 * tariff; }

// Whether new work of that priority is refused when that share of the day's energy is used: low from 80 % on, normal
// from 90 %; what is urgent never.
[[nodiscard]] bool budget_sheds(double used, Priority priority);

// Counts from its own start: what a daemon before it used is not known. One thread at a time.
class EnergyBudget {
 public:
  // Watt hours in 24 hours; 0: no budget.
  explicit EnergyBudget(double watt_hours) : watt_hours_(watt_hours) {}
  void set(double watt_hours) { watt_hours_ = watt_hours; }

  // `joules` since some start, never less than before; nothing where no power is measured now.
  void sample(std::optional<double> joules, Clock::time_point now);

  // The share, which may be over 1. Nothing without a budget or a measurement.
  [[nodiscard]] std::optional<double> used() const;

 private:
  static constexpr std::size_t kHours = 24;

  void forget_before(std::int64_t hour);

  double watt_hours_;
  std::optional<double> last_;
  std::int64_t hour_ = 0;                // Of the last sample.
  std::array<double, kHours> joules_{};  // By hour, in a ring.
};

}  // namespace linnet::daemon
