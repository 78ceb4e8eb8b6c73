// Prints what detect_cpu_features() finds, one word a feature: run under qemu's processors by cpu_probe_* tests.
#include <cstdio>

#include "hal/cpu.h"

int main() {
  const linnet::CpuFeatures features = linnet::hal::detect_cpu_features();
  std::printf("features:");
  if (features.avx2) std::printf(" avx2");
  if (features.avx_vnni) std::printf(" avx_vnni");
  if (features.avx512_vnni) std::printf(" avx512_vnni");
  if (features.amx_int8) std::printf(" amx_int8");
  if (features.neon) std::printf(" neon");
  if (features.dotprod) std::printf(" dotprod");
  if (features.i8mm) std::printf(" i8mm");
  if (features.sve2) std::printf(" sve2");
  std::printf(".\n");
}
