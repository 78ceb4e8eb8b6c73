// Generations on the loaded model: a batch is one group a model, the answers of a group advance by turns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/daemon/backend.h"
#include "runtime/daemon/generation.h"
#include "runtime/daemon/model_host.h"

namespace linnet::daemon {

// For the worker's thread.
class EngineBackend final : public Backend {
 public:
  EngineBackend(ModelHost& host, std::size_t at_once, std::uint32_t default_max_tokens)
      : host_(host), at_once_(at_once), default_max_tokens_(default_max_tokens) {}

  [[nodiscard]] std::size_t batch_limit() const override { return at_once_; }
  void run(std::span<const Job> jobs, JobListener& listener) override;
  [[nodiscard]] bool serves(std::string_view model) const override;

 private:
  using Running = std::vector<std::unique_ptr<Generation>>;

  void run_group(std::span<const Job* const> jobs, JobListener& listener);
  [[nodiscard]] Running start_all(ReadyModel& model, std::span<const Job* const> jobs, JobListener& listener);
  // One token of each; those that ended are told of and leave. The error that broke the model, if one did.
  [[nodiscard]] Result<void> advance(Running& running, JobListener& listener);

  ModelHost& host_;
  std::size_t at_once_;
  std::uint32_t default_max_tokens_;
};

}  // namespace linnet::daemon
