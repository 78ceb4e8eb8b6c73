#include "runtime/daemon/pacer.h"

namespace linnet::daemon {

void Pacer::sample(const hal::Facts& facts, const hal::Vitals& vitals, const hal::GovernorBudget& budget) {
  const std::lock_guard lock(mutex_);
  const auto governed = hal::govern(facts, vitals, budget, history_);
  history_ = governed.history;
  pace_ = governed.pace;
}

Pace Pacer::pace() const {
  const std::lock_guard lock(mutex_);
  return pace_;
}

void Pacer::note_budget(std::optional<double> used) {
  const std::lock_guard lock(mutex_);
  budget_used_ = used;
}

std::optional<double> Pacer::budget_used() const {
  const std::lock_guard lock(mutex_);
  return budget_used_;
}

}  // namespace linnet::daemon
