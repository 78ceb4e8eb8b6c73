// The CUDA driver: found with dlopen, its answers as Results, what it gives as handles that give it back.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/engine/cuda/driver_functions.h"

namespace linnet::engine::cuda {

// The functions of this machine's driver, which stays loaded. Errors: kAbsent (no libcuda.so.1, with the loader's
// reason), kUnsupported (a driver older than CUDA 11.4, with the first symbol that it lacks).
[[nodiscard]] Result<DriverFunctions> load_driver();

// A table of functions, and whether what they made is still to be given back. Handles borrow it.
class Driver {
 public:
  explicit Driver(const DriverFunctions& functions) : functions_(functions) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  [[nodiscard]] const DriverFunctions* operator->() const { return &functions_; }

  // Success, or "CUDA: <doing>: CUDA_ERROR_…". Kinds: kExhausted (no memory), kAbsent (no device), kUnsupported (code
  // that this device or driver does not take), kDeviceLost (all others: the driver answers nothing more after most).
  [[nodiscard]] Result<void> check(Status status, std::string_view doing) const;

  // From now on nothing is given back: a device that does not answer would never return from it.
  void abandon() { abandoned_ = true; }
  [[nodiscard]] bool abandoned() const { return abandoned_; }

 private:
  DriverFunctions functions_;
  bool abandoned_ = false;
};

// One thing that a function of the table made, given back by the table's `Destroy`.
template <class Handle, auto Destroy>
class Owned {
 public:
  Owned() = default;
  Owned(const Driver& driver, Handle handle) : driver_(&driver), handle_(handle) {}
  Owned(Owned&& other) noexcept : driver_(other.driver_), handle_(std::exchange(other.handle_, std::nullopt)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(driver_, other.driver_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ && !driver_->abandoned()) ((*driver_).operator->()->*Destroy)(*handle_);
  }

  [[nodiscard]] Handle get() const { return *handle_; }
  explicit operator bool() const { return handle_.has_value(); }

 private:
  const Driver* driver_ = nullptr;
  std::optional<Handle> handle_;
};

using OwnedContext = Owned<DeviceNumber, &DriverFunctions::release_context>;
using OwnedModule = Owned<Module, &DriverFunctions::unload_module>;
using OwnedStream = Owned<Stream, &DriverFunctions::destroy_stream>;
using OwnedEvent = Owned<Event, &DriverFunctions::destroy_event>;
using OwnedGraph = Owned<Graph, &DriverFunctions::destroy_graph>;
using OwnedExecutableGraph = Owned<ExecutableGraph, &DriverFunctions::destroy_executable>;
using DeviceMemory = Owned<DeviceAddress, &DriverFunctions::release>;
using PinnedMemory = Owned<void*, &DriverFunctions::release_pinned>;
using HostRegistration = Owned<void*, &DriverFunctions::unregister_host>;

}  // namespace linnet::engine::cuda
