// What runs kernels under test: the host, serially, or a GPU. The same tests are linked with either.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/cuda/launch.h"

namespace linnet::test {

class Machine {
 public:
  virtual ~Machine() = default;

  // Memory for one test, on a multiple of 256 bytes, filled with 0xFF (NaNs).
  [[nodiscard]] virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void upload(std::byte* to, const void* from, std::size_t bytes) = 0;
  virtual void download(void* to, const std::byte* from, std::size_t bytes) = 0;
  // Runs to the end; a fault is a failure of the test.
  virtual void launch(kernels::cuda::Kernel kernel, const void* parameters, const kernels::cuda::Launch& launch) = 0;
  // Gives all memory back.
  virtual void clear() = 0;
};

// The one of this program.
[[nodiscard]] Machine& machine();

template <class Parameters>
void launch(kernels::cuda::Kernel kernel, const Parameters& parameters) {
  machine().launch(kernel, &parameters, kernels::cuda::launch_of(parameters));
}

// Numbers in the machine's memory.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count)
      : count_(count), first_(machine().allocate(std::max<std::size_t>(count, 1) * sizeof(T))) {}
  explicit DeviceArray(const std::vector<T>& content) : DeviceArray(content.size()) {
    machine().upload(first_, content.data(), count_ * sizeof(T));
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(first_); }
  [[nodiscard]] std::vector<T> content() const {
    std::vector<T> content(count_);
    machine().download(content.data(), first_, count_ * sizeof(T));
    return content;
  }

 private:
  std::size_t count_;
  std::byte* first_;
};

// Gives the machine's memory back after each test.
class CudaTest : public testing::Test {
 protected:
  void TearDown() override { machine().clear(); }
};
template <class Parameter>
class CudaTestWith : public testing::TestWithParam<Parameter> {
 protected:
  void TearDown() override { machine().clear(); }
};

}  // namespace linnet::test
