// A CUDA driver played by the test: its device's memory is the host's, its kernels run where the test says.
//
// It checks every argument of every call, counts what is alive, and fails the call that a test asks it to fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/launch.h"
#include "runtime/engine/cuda/driver_functions.h"

namespace linnet::engine::cuda::test {

// Runs one kernel to its end.
using RunKernel = void (*)(kernels::cuda::Kernel kernel, const void* parameters, const kernels::cuda::Launch& launch);

// What the device is, and what it takes.
struct FakeOptions {
  bool integrated = false;
  bool takes_mappings = true;  // Of read-only pages, where it is integrated.
  std::size_t memory = std::size_t{1} << 30;
  int devices = 1;
  int capability = 87;      // Of the device, 10 times,
  int compiled_for = 87;    // and of the kernels' code.
  RunKernel run = nullptr;  // Null: launches are checked and counted alone.
};

// One at a time in the process: a table of functions has no place for an object.
class FakeDriver {
 public:
  explicit FakeDriver(const FakeOptions& options = {});
  FakeDriver(const FakeDriver&) = delete;
  FakeDriver& operator=(const FakeDriver&) = delete;
  ~FakeDriver();

  [[nodiscard]] const DriverFunctions& functions() const { return functions_; }

  // The call after `calls` further ones returns `status`, and where `stays` is set every one after it, as after a fault
  // of the device.
  void fail_after(std::size_t calls, Status status, bool stays = false);
  // From now on the stream never ends its work.
  void hang() { hangs_ = true; }

  [[nodiscard]] std::size_t calls() const { return calls_; }
  // Of this function of the driver, by its member's name in DriverFunctions.
  [[nodiscard]] std::size_t calls_of(const std::string& name) const;
  [[nodiscard]] std::size_t launches() const { return launches_; }  // Of kernels, also by graphs.
  [[nodiscard]] std::size_t alive() const;                          // Things that were made and not given back.
  [[nodiscard]] std::size_t memory_in_use() const { return in_use_; }
  [[nodiscard]] const std::vector<std::size_t>& allocations() const { return allocations_; }
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }  // Arguments that make no sense.

 private:
  struct Calls;
  struct Command;
  struct Recording;

  // Counts a call. Not kSuccess: what it returns instead of doing anything.
  Status enter(const char* name);
  void expect(bool sound, const std::string& what);
  void make(void* handle, const char* kind);
  Status unmake(void* handle, const char* kind);
  [[nodiscard]] bool is(void* handle, const char* kind) const;
  [[nodiscard]] bool on_device(DeviceAddress address, std::size_t bytes) const;
  [[nodiscard]] bool pinned(const void* memory, std::size_t bytes) const;
  Status submit(Command command);
  void execute(const Command& command);

  FakeOptions options_;
  DriverFunctions functions_;
  std::size_t calls_ = 0;
  std::map<std::string, std::size_t> calls_by_name_;
  std::size_t fail_in_ = ~std::size_t{0};
  Status failure_ = kSuccess;
  bool failure_stays_ = false;
  bool hangs_ = false;
  bool current_ = false;        // The context is a thread's.
  bool behind_kernel_ = false;  // What was submitted last.
  std::size_t launches_ = 0;
  std::size_t in_use_ = 0;
  std::vector<std::size_t> allocations_;
  std::vector<std::string> faults_;
  std::map<void*, std::string> handles_;                 // And what kind each is of.
  std::map<std::uintptr_t, std::size_t> device_memory_;  // Start and size of what the device can reach.
  std::map<std::uintptr_t, std::size_t> pinned_memory_;
  std::map<void*, std::unique_ptr<Recording>> recordings_;  // Graphs, and executable ones.
  std::unique_ptr<Recording> capturing_;
  std::map<void*, std::uint32_t> module_versions_;
};

}  // namespace linnet::engine::cuda::test
