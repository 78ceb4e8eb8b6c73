#include "runtime/engine/cuda/kernel_module.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

namespace linnet::engine::cuda {
namespace {

namespace gpu = kernels::cuda;

constexpr std::string_view kEndings[] = {".fatbin", ".cubin", ".ptx"};  // In the order in which they are tried.

// The files that may hold kernels, the first to try first.
std::vector<std::filesystem::path> candidates(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    if (entry.is_regular_file(failure)) files.push_back(entry.path());
  }
  std::ranges::sort(files, std::greater<>());
  std::vector<std::filesystem::path> ordered;
  for (const std::string_view ending : kEndings) {
    std::ranges::copy_if(files, std::back_inserter(ordered),
                         [&](const std::filesystem::path& path) { return path.extension() == ending; });
  }
  return ordered;
}

// The file's bytes and a zero, as PTX needs it.
Result<std::vector<char>> read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
  if (!file.good() && !file.eof()) return fail(ErrorKind::kIo, "cannot be read");
  image.push_back('\0');
  return image;
}

// Up to this a kernel may take shared memory without being allowed to.
constexpr int kAlwaysShared = 48 * 1024;

// Drivers capture early starts into graphs since CUDA 12.3; kernels compiled for this architecture or a later one wait.
constexpr int kEarlyGraphs = 12030;
constexpr int kWaitingCode = 90;

// What a launch of kernel `index` takes at most of it.
std::uint32_t most_shared(std::size_t index) {
  const auto kernel = static_cast<gpu::Kernel>(index);
  for (const std::uint32_t width : {64U, 128U}) {
    gpu::AttendTilesParameters parameters{};
    parameters.shape.heads = parameters.shape.kv_heads = 1;
    parameters.shape.key_width = parameters.shape.value_width = width;
    for (const std::uint32_t is_q8 : {0U, 1U}) {
      parameters.place.is_q8 = is_q8;
      if (kernel == gpu::attend_tiles_kernel(parameters.place, parameters.shape)) {
        return gpu::launch_of(parameters).shared_bytes;
      }
    }
  }
  const auto formats = kernels::all_formats();
  const auto is = [&](auto kernel_of) {
    return std::ranges::any_of(formats, [&](kernels::Format format) { return kernel == kernel_of(format); });
  };
  if (is(gpu::gemm_int8_kernel)) return gpu::kGemmInt8Shared;
  return is(gpu::gemm_kernel) ? gpu::kGemmShared : 0;
}

}  // namespace

Result<KernelModule> KernelModule::load(Device& device, const std::string& folder) {
  const auto files = candidates(folder);
  if (files.empty()) {
    return fail(ErrorKind::kAbsent, "there are no CUDA kernels in " + folder + " (package linnet-cuda)");
  }
  std::vector<RefusedFile> refused;
  for (const std::filesystem::path& path : files) {
    auto loaded = load_file(device, path);
    if (!loaded && device.driver().abandoned()) return loaded;
    if (loaded) {
      loaded->refused_ = std::move(refused);
      return loaded;
    }
    refused.push_back({path.filename(), loaded.error().message});
  }
  std::string others;
  if (refused.size() > 1) others = " (nor do " + std::to_string(refused.size() - 1) + " others)";
  return fail(ErrorKind::kUnsupported,
              "the kernels of " + folder + "/" + refused[0].name + " do not serve: " + refused[0].reason + others);
}

Result<KernelModule> KernelModule::load_file(Device& device, const std::string& path) {
  LINNET_TRY(const auto image, read_image(path));
  const Driver& driver = device.driver();
  Module handle = nullptr;
  LINNET_CHECK(driver.check(driver->load_module(&handle, image.data()), "loading"));
  KernelModule module;
  module.device_ = &device;
  module.module_ = OwnedModule(driver, handle);
  module.file_ = std::filesystem::path(path).filename();
  LINNET_CHECK(module.check_version(device));
  LINNET_CHECK(module.find_functions());
  LINNET_CHECK(module.look_for_early_starts());
  return module;
}

Result<void> KernelModule::check_version(Device& device) const {
  const Driver& driver = device.driver();
  DeviceAddress address = 0;
  std::size_t bytes = 0;
  LINNET_CHECK(
      driver.check(driver->module_global(&address, &bytes, module_.get(), gpu::kVersionSymbol), "asking its version"));
  std::uint32_t version = 0;
  if (bytes != sizeof(version)) return fail(ErrorKind::kUnsupported, "its version is not a number");
  LINNET_CHECK(driver.check(driver->copy_from_device(&version, address, sizeof(version), device.stream()),
                            "reading its version"));
  LINNET_CHECK(device.wait("reading its version"));
  if (version == gpu::kVersion) return {};
  return fail(ErrorKind::kUnsupported, "they are version " + std::to_string(version) + ", this program needs " +
                                           std::to_string(gpu::kVersion) + ": install both from one release");
}

Result<void> KernelModule::find_functions() {
  const Driver& driver = device_->driver();
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    const char* const name = gpu::kKernelNames[i];
    LINNET_CHECK(driver.check(driver->module_function(&functions_[i], module_.get(), name), name));
    const auto shared = static_cast<int>(most_shared(i));
    if (shared <= kAlwaysShared) continue;
    LINNET_CHECK(driver.check(driver->set_function_attribute(functions_[i], kMaxDynamicSharedMemory, shared), name));
  }
  return {};
}

// PTX of an older architecture, which the driver compiles for this device, has no instructions to wait with.
Result<void> KernelModule::look_for_early_starts() {
  const Driver& driver = device_->driver();
  if (driver->launch_with == nullptr || device_->facts().driver < kEarlyGraphs) return {};
  int compiled_for = 0;
  LINNET_CHECK(
      driver.check(driver->function_attribute(&compiled_for, kPtxVersion, functions_[0]), "asking its target"));
  can_start_early_ = compiled_for >= kWaitingCode;
  return {};
}

Result<void> KernelModule::launch(gpu::Kernel kernel, const gpu::Launch& grid, const void* parameters,
                                  bool early) const {
  const auto index = static_cast<std::size_t>(kernel);
  const Driver& driver = device_->driver();
  // The driver copies what `values` points at before it returns.
  void* values[] = {const_cast<void*>(parameters)};
  if (!early) {
    return driver.check(driver->launch(functions_[index], grid.x, grid.y, grid.z, grid.threads, 1, 1, grid.shared_bytes,
                                       device_->stream(), values, nullptr),
                        gpu::kKernelNames[index]);
  }
  LaunchAttribute attribute{};
  attribute.id = kProgrammaticStreamSerialization;
  attribute.value.allowed = 1;
  const LaunchConfig config{.grid_x = grid.x,
                            .grid_y = grid.y,
                            .grid_z = grid.z,
                            .block_x = grid.threads,
                            .block_y = 1,
                            .block_z = 1,
                            .shared_bytes = grid.shared_bytes,
                            .stream = device_->stream(),
                            .attributes = &attribute,
                            .attribute_count = 1};
  return driver.check(driver->launch_with(&config, functions_[index], values, nullptr), gpu::kKernelNames[index]);
}

}  // namespace linnet::engine::cuda
