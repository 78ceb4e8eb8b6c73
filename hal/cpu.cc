#include "hal/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "hal/cpu_decode.h"

#if defined(__x86_64__)
#  include <cpuid.h>
#  include <sys/syscall.h>
#elif defined(__aarch64__) || defined(__arm__)
#  include <sys/auxv.h>
#endif

namespace linnet::hal {

#if defined(__x86_64__)

namespace {

// The register state that the operating system saves. Only after CPUID has shown OSXSAVE. In assembly because the
// intrinsic would need this file compiled for processors that have it.
std::uint64_t read_extended_control_0() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

// Linux saves 8 KiB more for each thread that uses tiles, so a process asks once for all of its threads
// (Documentation/arch/x86/xstate.rst); kernels before 5.16 refuse.
bool ask_for_tiles() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM of arch/x86/include/uapi/asm/prctl.h.
  constexpr int kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

X86Registers read_registers() {
  constexpr std::uint32_t kOsXsave = std::uint32_t{1} << 27;
  X86Registers registers;
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return registers;
  registers.leaf1_ecx = ecx;
  if ((ecx & kOsXsave) != 0) registers.extended_control_0 = read_extended_control_0();
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return registers;
  registers.leaf7_ebx = ebx;
  registers.leaf7_ecx = ecx;
  registers.leaf7_edx = edx;
  const bool has_subleaf1 = eax >= 1;
  if (has_subleaf1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) registers.leaf7_subleaf1_eax = eax;
  return registers;
}

}  // namespace

CpuFeatures detect_cpu_features() {
  X86Registers registers = read_registers();
  registers.may_use_tiles = has_tiles(registers) && ask_for_tiles();
  return decode_x86(registers);
}

#elif defined(__aarch64__)

CpuFeatures detect_cpu_features() { return decode_arm64(getauxval(AT_HWCAP), getauxval(AT_HWCAP2)); }

#elif defined(__arm__)

CpuFeatures detect_cpu_features() { return decode_arm32(getauxval(AT_HWCAP)); }

#else

CpuFeatures detect_cpu_features() { return {}; }

#endif

std::vector<unsigned> allowed_cores() {
  std::vector<unsigned> cores;
  // The kernel refuses a mask shorter than its own, whose length only trying tells (64 x 1,024 cores are enough).
  for (std::size_t words = 16; words <= 1024; words *= 2) {
    std::vector<unsigned long> mask(words);
    const std::size_t size = words * sizeof(unsigned long);
    auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (sched_getaffinity(0, size, set) == 0) {
      for (unsigned core = 0; core < size * 8; ++core) {
        if (CPU_ISSET_S(core, size, set)) cores.push_back(core);
      }
      break;
    }
    if (errno != EINVAL) break;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (cores.empty()) {
    for (unsigned core = 0; core < static_cast<unsigned>(std::max(1L, online)); ++core) cores.push_back(core);
  }
  return cores;
}

std::size_t usable_core_count() { return allowed_cores().size(); }

}  // namespace linnet::hal
