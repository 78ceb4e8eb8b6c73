// What the tests of the engine on a played GPU share: a folder with kernels, options that lead there.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/engine/engine.h"
#include "tests/engine/cuda/fake_driver.h"
#include "tests/engine/model_files.h"

namespace linnet::engine::cuda::test {

// A folder of its own, gone with the test.
class KernelFolder {
 public:
  KernelFolder() {
    std::string name = std::filesystem::temp_directory_path() / "linnet-cuda-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  KernelFolder(const KernelFolder&) = delete;
  KernelFolder& operator=(const KernelFolder&) = delete;
  ~KernelFolder() { std::filesystem::remove_all(path_); }

  void put(const std::string& name, const std::string& content) const { std::ofstream(path_ + "/" + name) << content; }
  void put_good(const std::string& name) const { put(name, "version " + std::to_string(kernels::cuda::kVersion)); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A GPU with kernels, and a model that may be opened on it.
class FakeMachine {
 public:
  explicit FakeMachine(const FakeOptions& options = {}) : driver(options) { folder.put_good("kernels.fatbin"); }

  [[nodiscard]] EngineOptions on(DeviceChoice choice, EngineOptions options = {}) const {
    options.threads = 1;
    options.device = choice;
    options.cuda.kernel_folder = folder.path();
    options.cuda.driver = &driver.functions();
    options.cuda.patience = std::chrono::milliseconds(50);
    return options;
  }

  // Everything that was made is given back, and no call had an argument that makes no sense.
  void expect_clean() const {
    EXPECT_EQ(driver.faults(), std::vector<std::string>{});
    EXPECT_EQ(driver.alive(), 0U);
    EXPECT_EQ(driver.memory_in_use(), 0U);
  }

  FakeDriver driver;
  KernelFolder folder;
};

}  // namespace linnet::engine::cuda::test
