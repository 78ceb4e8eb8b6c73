// Generations on the loaded model: a batch is one group a model, the answers of a group advance by turns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/daemon/backend.h"
#include "runtime/daemon/energy_meter.h"
#include "runtime/daemon/generation.h"
#include "runtime/daemon/model_host.h"

namespace linnet::daemon {

// For the worker's thread.
class EngineBackend final : public Backend {
 public:
  EngineBackend(ModelHost& host, const EnergyMeter& energy, std::size_t at_once, std::uint32_t default_max_tokens)
      : host_(host), energy_(energy), at_once_(at_once), default_max_tokens_(default_max_tokens) {}

  [[nodiscard]] std::size_t batch_limit() const override { return at_once_; }
  void run(std::span<const Job> jobs, JobListener& listener) override;
  [[nodiscard]] bool serves(std::string_view model) const override;

 private:
  using Running = std::vector<std::unique_ptr<Generation>>;

  void run_group(std::span<const Job* const> jobs, JobListener& listener);
  [[nodiscard]] Running start_all(ReadyModel& model, std::span<const Job* const> jobs, JobListener& listener);
  // `joules_before`: when the group began; answers that ran together share the module's energy, and each tells all of
  // it. One token of each; those that ended are told of and leave. The error that broke the model, if one did.
  [[nodiscard]] Result<void> advance(Running& running, std::optional<double> joules_before, JobListener& listener);

  ModelHost& host_;
  const EnergyMeter& energy_;
  std::size_t at_once_;
  std::uint32_t default_max_tokens_;
};

}  // namespace linnet::daemon
