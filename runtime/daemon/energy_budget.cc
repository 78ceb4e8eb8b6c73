#include "runtime/daemon/energy_budget.h"

#include <algorithm>
#include <numeric>

namespace linnet::daemon {
namespace {

constexpr double kJoulesPerWattHour = 3600;

constexpr double kShedsLow = 0.8;
constexpr double kShedsNormal = 0.9;

}  // namespace

bool budget_sheds(double used, Priority priority) {
  switch (priority) {
    case Priority::kLow: return used >= kShedsLow;
    case Priority::kNormal: return used >= kShedsNormal;
    case Priority::kHigh: break;
  }
  return false;
}

void EnergyBudget::sample(std::optional<double> joules, Clock::time_point now) {
  const auto hour = std::chrono::duration_cast<std::chrono::hours>(now.time_since_epoch()).count();
  forget_before(hour);
  if (!joules) return;
  if (last_) joules_[static_cast<std::size_t>(hour) % kHours] += std::max(0.0, *joules - *last_);
  last_ = joules;
}

// The hours that begin anew hold nothing yet.
void EnergyBudget::forget_before(std::int64_t hour) {
  const std::int64_t passed = std::min<std::int64_t>(hour - hour_, kHours);
  for (std::int64_t i = 0; i < passed; ++i) joules_[static_cast<std::size_t>(hour - i) % kHours] = 0;
  hour_ = hour;
}

std::optional<double> EnergyBudget::used() const {
  if (watt_hours_ <= 0 || !last_) return std::nullopt;
  return std::accumulate(joules_.begin(), joules_.end(), 0.0) / (watt_hours_ * kJoulesPerWattHour);
}

}  // namespace linnet::daemon
