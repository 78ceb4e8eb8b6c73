// The processor as a StepRunner: the executor with the threads and the memory that it computes in.
#pragma once

#include <memory>
#include <optional>

#include "runtime/base/arena.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/setup.h"

namespace linnet::engine {

class CpuRunner final : public StepRunner {
 public:
  // Takes what plan_for_cpu planned from `arena`, the cache's storage included, and starts the threads. All that it is
  // given must outlive it. Errors: kExhausted (no threads).
  [[nodiscard]] static Result<std::unique_ptr<CpuRunner>> create(Arena& arena, Setup& setup, const KernelSet& kernels,
                                                                 KvCache& cache);

  [[nodiscard]] Result<ConstTensorView> run(Batch batch, std::span<StepCost> costs) override {
    return executor_->run(batch, costs);
  }
  void share(std::size_t count, FunctionRef<void(std::size_t, std::size_t)> work) override { pool_->run(count, work); }
  [[nodiscard]] WeightResidency& residency() { return *residency_; }
  void set_observer(MatMulObserver* observer) { executor_->set_observer(observer); }

 private:
  CpuRunner() = default;

  std::unique_ptr<ThreadPool> pool_;
  std::optional<WeightResidency> residency_;
  std::optional<Executor> executor_;
};

}  // namespace linnet::engine
