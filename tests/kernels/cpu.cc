#include "tests/kernels/cpu.h"

#if defined(__aarch64__)
#  include <sys/auxv.h>
#endif

namespace linnet::test {

CpuFeatures this_cpu() {
  CpuFeatures cpu;
#if defined(__x86_64__)
  cpu.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx");
  cpu.avx512_vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
  // Bits of the kernel's arm64 ELF hwcaps (Documentation/arm64/elf_hwcaps.rst).
  constexpr unsigned long kDotProduct = 1UL << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long kInt8MatMul = 1UL << 13;  // HWCAP2_I8MM
  cpu.neon = true;
  cpu.dotprod = (getauxval(AT_HWCAP) & kDotProduct) != 0;
  cpu.i8mm = (getauxval(AT_HWCAP2) & kInt8MatMul) != 0;
#endif
  return cpu;
}

}  // namespace linnet::test
