// Generations on the loaded model: a batch is one group a model, the answers of a group advance by common steps.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/pace.h"
#include "runtime/daemon/backend.h"
#include "runtime/daemon/energy_meter.h"
#include "runtime/daemon/generation_group.h"
#include "runtime/daemon/model_host.h"
#include "runtime/daemon/pacer.h"

namespace linnet::daemon {

// For the worker's thread.
class EngineBackend final : public Backend {
 public:
  EngineBackend(ModelHost& host, const EnergyMeter& energy, std::size_t at_once, std::uint32_t default_max_tokens)
      : host_(host), energy_(energy), at_once_(at_once), default_max_tokens_(default_max_tokens) {}

  // From now on the worker pauses between steps and holds batches small as it says. Borrowed.
  void obey(const Pacer* pacer) { pacer_ = pacer; }

  [[nodiscard]] std::size_t batch_limit() const override;
  // Jobs join the last group alone: those that came with run() do not wait for later ones.
  void run(std::span<const Job> jobs, JobListener& listener) override;
  [[nodiscard]] bool serves(std::string_view model) const override;

 private:
  void run_group(std::span<const Job* const> jobs, JobListener& listener, bool others_join);
  // Pauses after having computed since `started`, for as long as the pace wants; cancelled answers end meanwhile.
  void rest(GenerationGroup& group, Clock::time_point started);

  ModelHost& host_;
  const EnergyMeter& energy_;
  std::size_t at_once_;
  std::uint32_t default_max_tokens_;
  const Pacer* pacer_ = nullptr;
  PauseLedger pauses_;
};

}  // namespace linnet::daemon
