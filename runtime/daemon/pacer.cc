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

}  // namespace linnet::daemon
