#include "runtime/daemon/energy_meter.h"

namespace linnet::daemon {
namespace {

std::optional<double> module_watts(const hal::Facts& facts, const hal::Vitals& vitals) {
  for (std::size_t i = 0; i < facts.power_rails.size(); ++i) {
    if (!facts.power_rails[i].whole_module || !vitals.rail_powers[i]) continue;
    return static_cast<double>(vitals.rail_powers[i]->count) / 1000;
  }
  return std::nullopt;
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void EnergyMeter::sample(const hal::Facts& facts, const hal::Vitals& vitals, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (watts_) joules_ += *watts_ * seconds_between(last_, now);
  watts_ = module_watts(facts, vitals);
  last_ = now;
}

std::optional<double> EnergyMeter::joules(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  if (!watts_) return std::nullopt;
  return joules_ + *watts_ * seconds_between(last_, now);
}

}  // namespace linnet::daemon
