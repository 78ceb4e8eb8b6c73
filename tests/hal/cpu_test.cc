#include "hal/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace linnet::hal {
namespace {

// The words after "flags" (x86) or "Features" (ARM) of the first processor: the kernel's own account.
std::set<std::string> kernel_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> flags;
    for (std::string word; words >> word;) flags.insert(word);
    return flags;
  }
  return {};
}

bool emulated() {
  const char* emulator = std::getenv("LINNET_EMULATOR");
  return emulator != nullptr && *emulator != '\0';
}

TEST(DetectCpuFeatures, AgreesWithTheKernel) {
  if (emulated()) GTEST_SKIP() << "/proc/cpuinfo describes the machine that emulates; cpu_probe_* tests stand in";
  const auto flags = kernel_flags();
  if (flags.empty()) GTEST_SKIP() << "no /proc/cpuinfo";
  const auto has = [&flags](const char* word) { return flags.contains(word); };
  const CpuFeatures features = detect_cpu_features();
#if defined(__x86_64__)
  EXPECT_EQ(features.avx2, has("avx2") && has("fma") && has("f16c"));
  EXPECT_EQ(features.avx_vnni, features.avx2 && has("avx_vnni"));
  EXPECT_EQ(features.avx512_vnni, has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") &&
                                      has("avx512_vnni") && features.avx2);
  EXPECT_EQ(features.amx_int8, features.avx512_vnni && has("amx_tile") && has("amx_int8"));
#else
  EXPECT_EQ(features.dotprod, has("asimddp"));
  EXPECT_EQ(features.i8mm, has("i8mm"));
  EXPECT_EQ(features.sve2, has("sve2"));
#endif
}

TEST(UsableCoreCount, FollowsTheAffinityMask) {
  const std::size_t all = usable_core_count();
  EXPECT_GE(all, 1u);
  std::size_t pinned = 0;
  std::thread([&pinned] {  // A mask belongs to a thread: the rest of the program keeps its own.
    const int here = sched_getcpu();
    ASSERT_GE(here, 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(here), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    pinned = usable_core_count();
  })
      .join();
  EXPECT_EQ(pinned, 1u);
  EXPECT_EQ(usable_core_count(), all);
}

TEST(CpuModel, IsNeverEmpty) {
  EXPECT_FALSE(cpu_model().empty());
  EXPECT_EQ(cpu_model("/nonexistent"), "unknown processor");
}

}  // namespace
}  // namespace linnet::hal
