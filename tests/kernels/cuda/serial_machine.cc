// The kernels' own text, compiled for the host and run thread by thread.
#include <cstdlib>
#include <memory>

#include "kernels/cuda/kernels.cu"
#include "tests/kernels/cuda/machine.h"

namespace linnet::kernels::cuda {
namespace {

using Entry = void (*)(const void* parameters);

constexpr Entry kEntries[] = {
#define LINNET_CUDA_ENTRY(enumerator, name, parameters) \
  [](const void* p) { linnet_cuda_##name(*static_cast<const parameters*>(p)); },
    LINNET_CUDA_ROW_KERNELS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_PRODUCTS(name, parameters)                                                \
  [](const void* p) { linnet_cuda_matvec_1_##name(*static_cast<const parameters*>(p)); },     \
      [](const void* p) { linnet_cuda_matvec_2_##name(*static_cast<const parameters*>(p)); }, \
      [](const void* p) { linnet_cuda_matvec_4_##name(*static_cast<const parameters*>(p)); }, \
      [](const void* p) { linnet_cuda_matvec_8_##name(*static_cast<const parameters*>(p)); }, \
      [](const void* p) { linnet_cuda_gemm_##name(*static_cast<const GemmParameters*>(p)); },
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(name, MatVecParameters)
        LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_PRODUCTS(name, FloatMatVecParameters)
            LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) \
  [](const void* p) { linnet_cuda_gemm_int8_##name(*static_cast<const PanelGemmParameters*>(p)); },
                LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
};
static_assert(std::size(kEntries) == kKernelCount);

}  // namespace
}  // namespace linnet::kernels::cuda

namespace linnet::test {
namespace {

namespace serial = kernels::cuda::serial;
using kernels::cuda::Kernel;
using kernels::cuda::Launch;

class SerialMachine : public Machine {
 public:
  SerialMachine() {
    const char* const order = std::getenv("LINNET_CUDA_SERIAL_ORDER");
    if (order != nullptr && std::string(order) == "descending") order_ = serial::Order::kDescending;
  }

  std::byte* allocate(std::size_t bytes) override {
    // Ends where its allocation ends, for AddressSanitizer to see what reaches further.
    auto* const memory = static_cast<std::byte*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
    std::memset(memory, 0xFF, (bytes + 255) / 256 * 256);
    memory_.emplace_back(memory);
    return memory;
  }
  void upload(std::byte* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
  void download(void* to, const std::byte* from, std::size_t bytes) override {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
  void launch(Kernel kernel, const void* parameters, const Launch& launch) override {
    const kernels::cuda::Entry entry = kernels::cuda::kEntries[static_cast<std::size_t>(kernel)];
    serial::run({launch.x, launch.y, launch.z, launch.threads, launch.shared_bytes}, order_,
                [&] { entry(parameters); });
  }
  void clear() override { memory_.clear(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  serial::Order order_ = serial::Order::kAscending;
  std::vector<std::unique_ptr<std::byte, Free>> memory_;
};

}  // namespace

Machine& machine() {
  static SerialMachine machine;
  return machine;
}

}  // namespace linnet::test
