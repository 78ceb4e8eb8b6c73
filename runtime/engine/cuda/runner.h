// Walks a program on a GPU: steps of the same shape are replayed as a graph, others are launched one kernel after the
// other.
//
// Everything that a step needs is reserved when the runner is made: memory, module, the graphs of decoding.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/device_arena.h"
#include "runtime/engine/cuda/device_map.h"
#include "runtime/engine/cuda/device_weights.h"
#include "runtime/engine/cuda/kernel_module.h"
#include "runtime/engine/cuda/pinned_map.h"
#include "runtime/engine/cuda/step_inputs.h"
#include "runtime/engine/cuda/step_launcher.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/setup.h"
#include "runtime/engine/step_runner.h"

namespace linnet::engine::cuda {

// A device that is open and has its kernels.
struct ReadyDevice {
  std::unique_ptr<Device> device;
  KernelModule kernels;
};

class Runner final : public StepRunner {
 public:
  // Reserves, brings the weights to the device, captures the graphs and runs one step for nothing, so that a device
  // that cannot compute is found here. `setup`, planned for a GPU, and `cache` must outlive it. Errors: kExhausted,
  // kInterrupted, those of the driver.
  [[nodiscard]] static Result<std::unique_ptr<Runner>> create(ReadyDevice device, const Setup& setup,
                                                              const KvCache& cache, LoadWatcher* watcher);

  [[nodiscard]] Result<ConstTensorView> run(Batch batch, std::span<StepCost> costs) override;

 private:
  Runner(ReadyDevice device, const Setup& setup, const KvCache& cache);
  [[nodiscard]] Result<void> reserve();
  [[nodiscard]] Result<void> load(LoadWatcher* watcher);
  [[nodiscard]] Result<void> load_frequencies();
  [[nodiscard]] Result<void> capture_graphs();
  [[nodiscard]] Result<void> capture(std::uint32_t rows);
  [[nodiscard]] Result<void> run_first_step();
  [[nodiscard]] Result<void> compute(Batch batch, std::span<StepCost> costs);
  [[nodiscard]] Result<void> make_events();
  [[nodiscard]] Result<void> add_costs(Batch batch, std::span<StepCost> costs);
  void look_up(Batch batch) const;

  ReadyDevice device_;
  const Setup& setup_;
  const KvCache& cache_;
  std::optional<MappedWeights> mapped_;
  std::optional<DeviceArena> arena_;
  std::optional<PinnedMap> pinned_;
  DeviceMap map_;
  std::optional<StepInputs> inputs_;
  std::optional<StepLauncher> launcher_;
  std::array<OwnedExecutableGraph, kernels::cuda::kMatVecRows + 1> graphs_;  // By rows, of decoding.
  std::vector<OwnedEvent> events_;                                           // One a step and one; made for a profile.
  StepShape shape_;
};

}  // namespace linnet::engine::cuda
