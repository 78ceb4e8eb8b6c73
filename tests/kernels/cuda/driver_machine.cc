// The kernels of a module on a real GPU: folder of kernels in LINNET_CUDA_KERNELS.
#include <bit>
#include <cstdlib>
#include <memory>

#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/kernel_module.h"
#include "tests/kernels/cuda/machine.h"

namespace linnet::kernels::cuda {
namespace {

using engine::cuda::KernelModule;

using Entry = Result<void> (*)(const KernelModule& module, Kernel kernel, const void* parameters);

template <class Parameters>
Result<void> launch_with(const KernelModule& module, Kernel kernel, const void* parameters) {
  return module.launch(kernel, *static_cast<const Parameters*>(parameters), false);
}

constexpr Entry kEntries[kKernelCount] = {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) launch_with<parameters>,
    LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_PRODUCTS(parameters)                                                              \
  launch_with<parameters>, launch_with<parameters>, launch_with<parameters>, launch_with<parameters>, \
      launch_with<GemmParameters>,
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(MatVecParameters)
        LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(FloatMatVecParameters)
            LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
};

}  // namespace
}  // namespace linnet::kernels::cuda

namespace linnet::test {
namespace {

using engine::cuda::Device;
using engine::cuda::DeviceAddress;
using engine::cuda::DriverFunctions;
using engine::cuda::KernelModule;
using engine::cuda::Status;
using kernels::cuda::Kernel;
using kernels::cuda::Launch;

class DriverMachine : public Machine {
 public:
  DriverMachine() {
    auto functions = engine::cuda::load_driver();
    if (!functions) stop(functions.error().message);
    functions_ = *functions;
    auto device = Device::open(functions_, std::chrono::minutes(2));
    if (!device) stop(device.error().message);
    device_ = std::move(*device);
    if (auto made = device_->make_current(); !made) stop(made.error().message);
    const char* const folder = std::getenv("LINNET_CUDA_KERNELS");
    auto module = KernelModule::load(*device_, folder != nullptr ? folder : engine::cuda::kKernelFolder);
    if (!module) stop(module.error().message);
    module_ = std::make_unique<KernelModule>(std::move(*module));
    std::printf("%s, %s\n", to_string(device_->facts()).c_str(), module_->file().c_str());
  }

  std::byte* allocate(std::size_t bytes) override {
    DeviceAddress address = 0;
    check(functions_.allocate(&address, bytes), "allocating");
    memory_.push_back(address);
    auto* const memory = std::bit_cast<std::byte*>(address);
    const std::vector<std::byte> nans(bytes, std::byte{0xFF});
    upload(memory, nans.data(), bytes);
    return memory;
  }
  void upload(std::byte* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    check(functions_.copy_to_device(reinterpret_cast<DeviceAddress>(to), from, bytes, device_->stream()), "copying");
    wait("copying");
  }
  void download(void* to, const std::byte* from, std::size_t bytes) override {
    if (bytes == 0) return;
    check(functions_.copy_from_device(to, reinterpret_cast<DeviceAddress>(from), bytes, device_->stream()), "copying");
    wait("copying");
  }
  void launch(Kernel kernel, const void* parameters, const Launch&) override {
    const auto done = kernels::cuda::kEntries[static_cast<std::size_t>(kernel)](*module_, kernel, parameters);
    if (!done) stop(done.error().message);
    wait(kernels::cuda::kKernelNames[static_cast<std::size_t>(kernel)]);
  }
  void clear() override {
    for (const DeviceAddress address : memory_) check(functions_.release(address), "releasing");
    memory_.clear();
  }

 private:
  // After a fault the context answers nothing more: no other test can run.
  [[noreturn]] static void stop(const std::string& message) {
    std::fprintf(stderr, "cuda_contract: %s\n", message.c_str());
    std::exit(1);
  }
  void check(Status status, const char* doing) const {
    if (const auto done = device_->driver().check(status, doing); !done) stop(done.error().message);
  }
  void wait(const char* doing) const {
    if (const auto done = device_->wait(doing); !done) stop(done.error().message);
  }

  DriverFunctions functions_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<KernelModule> module_;
  std::vector<DeviceAddress> memory_;
};

}  // namespace

Machine& machine() {
  static DriverMachine machine;
  return machine;
}

}  // namespace linnet::test
