// One GPU: its facts, its context, and the stream in which everything on it happens in order.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/engine/cuda/driver.h"

namespace linnet::engine::cuda {

// Read once, when the device is opened.
struct DeviceFacts {
  std::string name;    // "Orin", "NVIDIA H100 80GB HBM3"
  int capability = 0;  // 87 for 8.7.
  int driver = 0;      // 13000 for CUDA 13.0.
  int multiprocessors = 0;
  std::size_t shared_bytes = 0;  // That a block may ask for.
  bool integrated = false;       // Its memory is the machine's own.
  bool maps_read_only = false;   // It can read a read-only mapping of a file in place.
  Bytes free_memory;
};

// "NVIDIA H100 80GB HBM3 (compute 9.0, CUDA driver 13.0)"
[[nodiscard]] std::string to_string(const DeviceFacts& facts);

// Owns the context and the stream. One thread at a time; which one may change from call to call.
class Device {
 public:
  // The first device of the driver, which is waited for no longer than `patience`. Errors: those of Driver::check,
  // kAbsent (there is none).
  [[nodiscard]] static Result<std::unique_ptr<Device>> open(const DriverFunctions& functions,
                                                            std::chrono::milliseconds patience);

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] const DeviceFacts& facts() const { return facts_; }
  [[nodiscard]] const Driver& driver() const { return driver_; }
  [[nodiscard]] Stream stream() const { return stream_.get(); }

  // Makes the context this thread's. Before any other call of the driver from a thread that may be another one.
  [[nodiscard]] Result<void> make_current() const;

  // Waits for all that the stream holds. Errors: kDeviceLost, also where it takes longer than the patience: nothing is
  // given back to that device any more.
  [[nodiscard]] Result<void> wait(std::string_view doing);

 private:
  Device(const DriverFunctions& functions, std::chrono::milliseconds patience)
      : driver_(functions), patience_(patience) {}
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> read_facts(DeviceNumber number);

  Driver driver_;
  std::chrono::milliseconds patience_;
  DeviceFacts facts_;
  Context handle_ = nullptr;
  OwnedContext context_;
  OwnedStream stream_;
};

}  // namespace linnet::engine::cuda
