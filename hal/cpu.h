// The processor as the operating system lets this process use it: instruction sets, cores, name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/base/cpu_features.h"

namespace linnet::hal {

// What every core that this process may run on can do, and the operating system saves at a task switch.
//
// x86: CPUID, masked by the register state that XGETBV says is enabled; the cores of one x86 system have equal CPUID
// features (hybrid parts hide what the smaller cores lack). ARM: the kernel's hardware capabilities, which it reduces
// to what all cores have (Documentation/arm64/elf_hwcaps). Never fails: what cannot be found out is absent.
[[nodiscard]] CpuFeatures detect_cpu_features();

// The cores that this process may run on by its affinity mask (`taskset`), ascending; at least one.
[[nodiscard]] std::vector<unsigned> allowed_cores();
[[nodiscard]] std::size_t usable_core_count();

// The processor's name from /proc/cpuinfo under `root`, "4 x Cortex-A55, 4 x Cortex-A76" where cores differ;
// "unknown processor" where the file says nothing.
[[nodiscard]] std::string cpu_model(const std::string& root = "");

}  // namespace linnet::hal
