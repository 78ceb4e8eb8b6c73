// The kernels' own text, compiled for the host and run thread by thread.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <vector>

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

  // Ends where a page begins that nobody may touch: what reaches further is a fault.
  std::byte* allocate(std::size_t bytes) override {
    const std::size_t whole = (bytes + 255) / 256 * 256;
    const std::size_t readable = (whole + kPage - 1) / kPage * kPage;
    void* const first = mmap(nullptr, readable + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (first == MAP_FAILED || mprotect(first, readable, PROT_READ | PROT_WRITE) != 0) std::abort();
    std::memset(first, 0xFF, readable);
    mapped_.push_back({first, readable + kPage});
    return static_cast<std::byte*>(first) + (readable - whole);
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
  void clear() override {
    for (const Mapped& mapped : mapped_) munmap(mapped.first, mapped.bytes);
    mapped_.clear();
  }

 private:
  static constexpr std::size_t kPage = 4096;
  struct Mapped {
    void* first;
    std::size_t bytes;
  };
  serial::Order order_ = serial::Order::kAscending;
  std::vector<Mapped> mapped_;
};

}  // namespace

Machine& machine() {
  static SerialMachine machine;
  return machine;
}

}  // namespace linnet::test
