// What this machine offers a model: its processor, the memory that is free, the kernels that were asked for.
#pragma once

#include <cstddef>
#include <optional>

#include "hal/board.h"
#include "kernels/variant.h"
#include "runtime/base/cpu_features.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/engine/device_choice.h"

namespace linnet::language {

struct Machine {
  CpuFeatures cpu;
  // What can be taken without swapping, inside the tightest memory cgroup; absent where the kernel does not say.
  std::optional<Bytes> available_memory;
  std::size_t threads = 1;         // That a model gets where nobody says otherwise (hal/placement.h).
  kernels::ForcedVariants forced;  // From LINNET_KERNEL; borrows the environment.
  engine::CudaOptions cuda;        // From LINNET_CUDA_FOLDER, _GRAPHS, _EARLY, _PROMPTS.
};

// The machine itself. Errors: kUsage (LINNET_KERNEL or one of LINNET_CUDA_… is not of its form).
[[nodiscard]] Result<Machine> inspect_machine();

// The same with the memory that `vitals`, of a simulated board perhaps, tell.
[[nodiscard]] Result<Machine> machine_with(const hal::Vitals& vitals);

}  // namespace linnet::language
