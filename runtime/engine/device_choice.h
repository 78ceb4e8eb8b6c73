// Where a model is computed: what was asked for, and what came of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace linnet::engine {

namespace cuda {
struct DriverFunctions;
}

enum class DeviceChoice : std::uint8_t {
  kCpu,
  kAuto,  // A GPU where there is one that can compute this model and has room for it, else the processor.
  kCuda,  // A GPU, or an error.
};

// Where CUDA's driver and kernels come from.
struct CudaOptions {
  std::string kernel_folder;  // Empty: where the package linnet-cuda puts them.
  bool graphs = true;         // Whether steps of decoding are captured once and replayed.
  bool early_starts = true;   // Whether kernels start before those ahead end, where that can be.
  bool half_prompts = false;  // Whether prompts are multiplied by panels in f16, not in int8.
  // How long the device may take for a step before it counts as lost: a chunk of prefill of a large model takes a
  // second or two on the smallest board.
  std::chrono::milliseconds patience{60'000};
  const cuda::DriverFunctions* driver = nullptr;  // Null: this machine's. Borrowed.
};

// What computes, and why that.
struct DeviceReport {
  bool is_gpu = false;
  std::string reason;  // One line: "NVIDIA H100 (compute 9.0, CUDA driver 13.0), kernels.fatbin", "no CUDA driver: …".

  [[nodiscard]] const char* name() const { return is_gpu ? "cuda" : "cpu"; }
};

// Told how far weights are copied to a device while a model is opened, which can take seconds.
class LoadWatcher {
 public:
  virtual ~LoadWatcher() = default;
  // False: stop, with kInterrupted.
  [[nodiscard]] virtual bool loading(std::uint64_t done, std::uint64_t all) = 0;
};

}  // namespace linnet::engine
