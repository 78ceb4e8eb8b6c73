// The card for benchmarks: memory with random content, kernels by name, and the time of a captured graph.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/launch.h"
#include "runtime/engine/cuda/device.h"
#include "runtime/engine/cuda/kernel_module.h"

namespace linnet::bench {

// A benchmark has nobody to report to but the reader.
template <class T>
T value_or_stop(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "cuda_bench: %s\n", result.error().message.c_str());
    std::exit(5);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Gpu {
 public:
  // `kernels` is the folder of our kernels, `limits` the file of those that measure the card.
  Gpu(const std::string& kernels, const std::string& limits);

  // Memory of random bytes; kept to the end.
  [[nodiscard]] std::byte* allocate(std::size_t bytes);
  template <class T>
  [[nodiscard]] T* upload(const std::vector<T>& content) {
    std::byte* const memory = allocate(content.size() * sizeof(T));
    copy(memory, content.data(), content.size() * sizeof(T));
    return reinterpret_cast<T*>(memory);
  }
  void release(std::byte* memory);

  template <class Parameters>
  void launch(kernels::cuda::Kernel kernel, const Parameters& parameters) {
    value_or_stop(module_->launch(kernel, parameters, starts_early_ && !first_));
    first_ = false;
  }
  void launch_limit(const char* name, unsigned blocks, void* parameters);

  // Milliseconds of one replay of what `record` launches: the median of `rounds` that follow a warm-up.
  template <class Record>
  double milliseconds(Record record, int rounds = 9) {
    begin_capture();
    record();
    return replay(rounds);
  }

  // From now on each kernel of a replay starts before the one ahead of it ends. False: it cannot here.
  [[nodiscard]] bool start_early(bool early) {
    starts_early_ = early && module_->can_start_early();
    return starts_early_ == early;
  }

  [[nodiscard]] const engine::cuda::DeviceFacts& facts() const { return device_->facts(); }

 private:
  void copy(std::byte* to, const void* from, std::size_t bytes);
  void begin_capture();
  double replay(int rounds);

  engine::cuda::DriverFunctions functions_;
  std::unique_ptr<engine::cuda::Device> device_;
  std::unique_ptr<engine::cuda::KernelModule> module_;
  engine::cuda::Module limits_ = nullptr;
  std::vector<std::byte> noise_;
  bool starts_early_ = false;
  bool first_ = true;  // Of a replay: nothing is ahead of it.
};

}  // namespace linnet::bench
