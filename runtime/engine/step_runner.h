// What computes the steps of a program: the processor (executor.h) or a GPU (cuda/runner.h). The engine knows no other
// difference.
#pragma once

#include <span>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/base/tensor_view.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/step_cost.h"

namespace linnet::engine {

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Computes the rows of a checked batch whose sequences the cache already holds at their new lengths. Adds to `costs`
  // where it has entries. Returns the logits of the rows that want them, valid until the next call. Errors:
  // kDeviceLost, after which nothing that it held can be used; the processor never fails.
  [[nodiscard]] virtual Result<ConstTensorView> run(Batch batch, std::span<StepCost> costs) = 0;

  // Calls work(index, worker) once for each index below `count` on the threads that it computes with, `worker` below
  // their number; here: on the caller's alone. `work` must not throw.
  virtual void share(std::size_t count, FunctionRef<void(std::size_t index, std::size_t worker)> work) {
    for (std::size_t index = 0; index < count; ++index) work(index, 0);
  }
};

}  // namespace linnet::engine
