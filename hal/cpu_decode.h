// What registers and files say about a processor, decoded: pure functions, so that tests hold every processor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/cpu_features.h"

namespace linnet::hal {

// The registers that x86 features are read from (Intel SDM volume 2A, CPUID; AMD APM volume 3 agrees).
struct X86Registers {
  std::uint32_t leaf1_ecx = 0;
  std::uint32_t leaf7_ebx = 0;           // Leaf 7 sub-leaf 0.
  std::uint32_t leaf7_ecx = 0;           // Leaf 7 sub-leaf 0.
  std::uint32_t leaf7_edx = 0;           // Leaf 7 sub-leaf 0.
  std::uint32_t leaf7_subleaf1_eax = 0;  // 0 where leaf 7 has no sub-leaf 1.
  std::uint64_t extended_control_0 = 0;  // XCR0: register state that the operating system saves; 0 without OSXSAVE.
  bool may_use_tiles = false;            // Linux gives a process the tiles' state when it asks.
};

// Whether the processor has tiles of int8 and the operating system saves them; a process may have to ask for them
// still.
[[nodiscard]] bool has_tiles(const X86Registers& registers);

[[nodiscard]] CpuFeatures decode_x86(const X86Registers& registers);

// `capabilities` and `capabilities2` are AT_HWCAP and AT_HWCAP2 of the auxiliary vector.
[[nodiscard]] CpuFeatures decode_arm64(std::uint64_t capabilities, std::uint64_t capabilities2);
[[nodiscard]] CpuFeatures decode_arm32(std::uint64_t capabilities);

// The same from the flags that /proc/cpuinfo lists, for a recorded board: "flags" of x86, "Features" of ARM.
[[nodiscard]] CpuFeatures parse_cpu_features(std::string_view cpuinfo);

// The processor's name from the text of /proc/cpuinfo; empty where it holds none.
[[nodiscard]] std::string parse_cpu_model(std::string_view cpuinfo);

}  // namespace linnet::hal
