// The kernels on a device: loaded once from the installed files, found by name, launched with one parameter each.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/launch.h"
#include "runtime/base/result.h"
#include "runtime/engine/cuda/device.h"

namespace linnet::engine::cuda {

// Where the package linnet-cuda puts them.
inline constexpr const char* kKernelFolder = "/usr/share/linnet/cuda";

// A file that failed, and why.
struct RefusedFile {
  std::string name;
  std::string reason;
};

// Owns the module; borrows the device.
class KernelModule {
 public:
  // Tries the files of `folder` until one serves: *.fatbin (machine code, made for drivers since CUDA 13), *.cubin
  // (machine code for older ones), then *.ptx (which the driver compiles, seconds on a board that has not done it
  // before), each kind in descending order of names. A file that the driver refuses, that lacks a kernel or holds those
  // of another version is passed over. Errors: kAbsent (no folder, or none of these in it), kUnsupported (none served:
  // the first file's reason, and how many others there were).
  [[nodiscard]] static Result<KernelModule> load(Device& device, const std::string& folder);

  [[nodiscard]] const std::string& file() const { return file_; }  // Its name in the folder.
  [[nodiscard]] const std::vector<RefusedFile>& refused() const { return refused_; }

  // Whether a kernel may start before the one ahead of it ends (programmatic dependent launch): device and driver can,
  // and the kernels were compiled to wait for what they read (kernels/cuda/device.h).
  [[nodiscard]] bool can_start_early() const { return can_start_early_; }

  // Puts a kernel into the device's stream. `early`: it starts when the kernel ahead lets it, which must be one of
  // these and nothing else. Errors: those of Driver::check.
  template <class Parameters>
  [[nodiscard]] Result<void> launch(kernels::cuda::Kernel kernel, const Parameters& parameters, bool early) const {
    return launch(kernel, kernels::cuda::launch_of(parameters), &parameters, early);
  }

 private:
  [[nodiscard]] static Result<KernelModule> load_file(Device& device, const std::string& path);
  [[nodiscard]] Result<void> launch(kernels::cuda::Kernel kernel, const kernels::cuda::Launch& grid,
                                    const void* parameters, bool early) const;
  [[nodiscard]] Result<void> check_version(Device& device) const;
  [[nodiscard]] Result<void> find_functions();
  [[nodiscard]] Result<void> look_for_early_starts();

  const Device* device_ = nullptr;
  OwnedModule module_;
  std::array<Function, kernels::cuda::kKernelCount> functions_{};
  bool can_start_early_ = false;
  std::string file_;
  std::vector<RefusedFile> refused_;
};

}  // namespace linnet::engine::cuda
