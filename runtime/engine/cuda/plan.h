// What a model will take of a GPU's memory and, beside it, of the machine's.
#pragma once

#include "runtime/base/result.h"
#include "runtime/engine/cuda/device.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// Rows of a step where nobody says: a chunk of prefill that keeps the tensor cores busy.
inline constexpr std::size_t kDefaultBatchRows = 512;

// Whether the weights are planned to be read where the file is mapped.
[[nodiscard]] bool reads_in_place(const EngineOptions& options, const DeviceFacts& facts);

// Fills in what plan_for_cpu (setup.h) does for the processor. Errors: those of resolve_options.
[[nodiscard]] Result<void> plan_for_gpu(Setup& setup, const DeviceFacts& facts);

// Errors: kExhausted, with what is needed and what is free.
[[nodiscard]] Result<void> check_device_memory(const MemoryPlan& plan, const DeviceFacts& facts);

}  // namespace linnet::engine::cuda
