// How fast the worker may go, as the governor last said: written by whoever samples the board, obeyed between steps.
#pragma once

#include <mutex>
#include <optional>

#include "hal/board.h"
#include "hal/governor.h"
#include "runtime/base/clock.h"
#include "runtime/base/pace.h"

namespace linnet::daemon {

// Thread-safe.
class Pacer {
 public:
  // Asks the governor anew. `vitals` are a sample of now.
  void sample(const hal::Facts& facts, const hal::Vitals& vitals, const hal::GovernorBudget& budget);

  [[nodiscard]] Pace pace() const;

  // How much of the day's energy is used (daemon/energy_budget.h); nothing where there is no budget.
  void note_budget(std::optional<double> used);
  [[nodiscard]] std::optional<double> budget_used() const;

 private:
  mutable std::mutex mutex_;
  Pace pace_;
  std::optional<double> budget_used_;
  hal::GovernorHistory history_;
};

}  // namespace linnet::daemon
