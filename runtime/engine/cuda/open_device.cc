#include "runtime/engine/cuda/open_device.h"

#include <string>

#include "runtime/engine/cuda/support.h"

namespace linnet::engine::cuda {

Result<ReadyDevice> open_device(const Setup& setup) {
  if (auto fault = unsupported(setup.program, setup.weights)) return fail(ErrorKind::kUnsupported, *std::move(fault));
  const CudaOptions& options = setup.options.cuda;
  DriverFunctions functions;
  if (options.driver != nullptr) {
    functions = *options.driver;
  } else {
    LINNET_TRY(functions, load_driver());
  }
  LINNET_TRY(auto device, Device::open(functions, options.patience));
  const std::string folder = options.kernel_folder.empty() ? kKernelFolder : options.kernel_folder;
  LINNET_TRY(auto kernels, KernelModule::load(*device, folder));
  return ReadyDevice{std::move(device), std::move(kernels)};
}

DeviceReport report_of(const ReadyDevice& ready) {
  std::string text = to_string(ready.device->facts()) + ", kernels of " + ready.kernels.file() + ", version " +
                     std::to_string(kernels::cuda::kVersion);
  const auto& refused = ready.kernels.refused();
  if (!refused.empty()) text += " (" + refused[0].name + ": " + refused[0].reason + ")";
  return {.is_gpu = true, .reason = std::move(text)};
}

}  // namespace linnet::engine::cuda
