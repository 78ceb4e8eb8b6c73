// The answers that one model gives together: they join, advance by common steps, pause for more urgent ones, end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/daemon/backend.h"
#include "runtime/daemon/energy_meter.h"
#include "runtime/daemon/generation.h"
#include "runtime/daemon/precedence.h"
#include "runtime/daemon/ready_model.h"

namespace linnet::daemon {

// For one thread. Borrows all that it is given.
class GenerationGroup {
 public:
  GenerationGroup(ReadyModel& model, const EnergyMeter& energy, std::uint32_t default_max_tokens,
                  JobListener& listener);

  // An answer on a free lane, where there is one. What cannot begin ends at once.
  void add(const Job& job);
  // Jobs that the listener has for the room that is left, or for which a less urgent answer pauses.
  void let_join();
  [[nodiscard]] bool empty() const;
  // From now on no more than so many advance by a step and no further ones join; those beyond pause. 0: as many as the
  // model has room for.
  void hold_to(std::size_t most);
  // Those that were cancelled or whose time is over end.
  void leave_ended();

  // One step of those that advance now; those that ended are told of and leave. The error that hit all of them, if one
  // did.
  [[nodiscard]] Result<void> advance();
  // Every answer ends with this error.
  void fail_all(const Error& error);

 private:
  // One lane of the model, and the answer on it where there is one.
  struct Slot {
    Job job;
    std::unique_ptr<Generation> generation;  // Borrows the job.
    std::optional<double> joules_before;     // Answers that run together each tell all of the module's energy.
    std::uint64_t order = 0;
  };

  [[nodiscard]] std::size_t occupied() const;
  [[nodiscard]] Priority least_urgent() const;
  [[nodiscard]] Slot* free_slot();
  [[nodiscard]] std::size_t at_once() const;
  void end(Slot& slot, const Result<void>& outcome);
  void choose();

  ReadyModel& model_;
  const EnergyMeter& energy_;
  std::uint32_t default_max_tokens_;
  JobListener& listener_;
  std::vector<Slot> slots_;  // One a lane, never moved.
  std::uint64_t begun_ = 0;
  std::size_t most_ = 0;     // That hold_to() said.
  std::size_t running_ = 0;  // Of the two below, those that advance by this step.
  std::array<Slot*, kMostClaims> chosen_{};
  std::array<engine::Generator*, kMostClaims> generators_{};
};

}  // namespace linnet::daemon
