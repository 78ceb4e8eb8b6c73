#include "runtime/daemon/energy_meter.h"

#include "hal/governor.h"

namespace linnet::daemon {
namespace {

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void EnergyMeter::sample(const hal::Facts& facts, const hal::Vitals& vitals, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (watts_) joules_ += *watts_ * seconds_between(last_, now);
  const auto reading = hal::module_power(facts, vitals);
  watts_ = reading ? std::optional(static_cast<double>(reading->power.count) / 1000) : std::nullopt;
  whole_ = reading && reading->whole;
  last_ = now;
}

std::optional<double> EnergyMeter::joules(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  if (!watts_) return std::nullopt;
  return joules_ + *watts_ * seconds_between(last_, now);
}

hal::EnergySource EnergyMeter::source() const {
  const std::lock_guard lock(mutex_);
  if (!watts_) return hal::EnergySource::kAbsent;
  return whole_ ? hal::EnergySource::kMeasured : hal::EnergySource::kEstimated;
}

}  // namespace linnet::daemon
