// From what was asked for to a GPU that is ready to compute a model, or the reason why there is none.
#pragma once

#include "runtime/base/result.h"
#include "runtime/engine/cuda/runner.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/setup.h"

namespace linnet::engine::cuda {

// Errors: kUnsupported (the model has an operation without a kernel; an old driver; kernels that do not serve), kAbsent
// (no driver, no device, no kernels), those of the driver. What costs nothing is looked at first.
[[nodiscard]] Result<ReadyDevice> open_device(const Setup& setup);

// "NVIDIA H100 (compute 9.0, CUDA driver 13.0), kernels of linnet.fatbin, version 1", and of files passed over the
// first reason.
[[nodiscard]] DeviceReport report_of(const ReadyDevice& ready);

}  // namespace linnet::engine::cuda
