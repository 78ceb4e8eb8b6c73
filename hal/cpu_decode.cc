#include "hal/cpu_decode.h"

namespace linnet::hal {
namespace {

constexpr bool has_all(std::uint64_t value, std::uint64_t bits) { return (value & bits) == bits; }

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

// CPUID leaf 1, ECX.
constexpr std::uint64_t kFma = bit(12), kOsXsave = bit(27), kAvx = bit(28), kF16c = bit(29);
// CPUID leaf 7 sub-leaf 0, EBX, ECX and EDX; sub-leaf 1, EAX.
constexpr std::uint64_t kAvx2 = bit(5);
constexpr std::uint64_t kAvx512 = bit(16) | bit(17) | bit(30) | bit(31);  // F, DQ, BW, VL.
constexpr std::uint64_t kAvx512Vnni = bit(11);
constexpr std::uint64_t kAmxInt8 = bit(24) | bit(25);  // Tiles, and their products of int8.
constexpr std::uint64_t kAvxVnni = bit(4);
// XCR0: SSE and AVX state; with opmask, upper halves and registers 16 to 31.
constexpr std::uint64_t kYmmState = bit(1) | bit(2);
constexpr std::uint64_t kZmmState = kYmmState | bit(5) | bit(6) | bit(7);
constexpr std::uint64_t kTileState = bit(17) | bit(18);

// Linux arch/arm64/include/uapi/asm/hwcap.h.
constexpr std::uint64_t kArm64Asimd = bit(1), kArm64DotProduct = bit(20);
constexpr std::uint64_t kArm64Sve2 = bit(1), kArm64I8mm = bit(13);
// Linux arch/arm/include/uapi/asm/hwcap.h. The arithmetic needs fused multiply-add, which came with VFPv4:
// Cortex-A8 and A9 have NEON without it.
constexpr std::uint64_t kArm32Neon = bit(12), kArm32Vfpv4 = bit(16), kArm32DotProduct = bit(24), kArm32I8mm = bit(27);

}  // namespace

bool has_tiles(const X86Registers& registers) {
  return has_all(registers.extended_control_0, kTileState) && has_all(registers.leaf7_edx, kAmxInt8);
}

CpuFeatures decode_x86(const X86Registers& registers) {
  CpuFeatures features;
  const bool saves_ymm =
      has_all(registers.leaf1_ecx, kOsXsave | kAvx) && has_all(registers.extended_control_0, kYmmState);
  if (!saves_ymm) return features;
  features.avx2 = has_all(registers.leaf1_ecx, kFma | kF16c) && has_all(registers.leaf7_ebx, kAvx2);
  if (!features.avx2) return features;
  features.avx_vnni = has_all(registers.leaf7_subleaf1_eax, kAvxVnni);
  features.avx512_vnni = has_all(registers.extended_control_0, kZmmState) && has_all(registers.leaf7_ebx, kAvx512) &&
                         has_all(registers.leaf7_ecx, kAvx512Vnni);
  features.amx_int8 = features.avx512_vnni && registers.may_use_tiles && has_tiles(registers);
  return features;
}

CpuFeatures decode_arm64(std::uint64_t capabilities, std::uint64_t capabilities2) {
  CpuFeatures features;
  features.neon = has_all(capabilities, kArm64Asimd);
  features.dotprod = features.neon && has_all(capabilities, kArm64DotProduct);
  features.i8mm = features.dotprod && has_all(capabilities2, kArm64I8mm);
  features.sve2 = features.dotprod && has_all(capabilities2, kArm64Sve2);
  return features;
}

CpuFeatures decode_arm32(std::uint64_t capabilities) {
  CpuFeatures features;
  features.neon = has_all(capabilities, kArm32Neon | kArm32Vfpv4);
  features.dotprod = features.neon && has_all(capabilities, kArm32DotProduct);
  features.i8mm = features.dotprod && has_all(capabilities, kArm32I8mm);
  return features;
}

CpuFeatures parse_cpu_features(std::string_view cpuinfo) {
  std::string_view line;
  for (const std::string_view key : {"\nflags", "\nFeatures"}) {
    if (const auto start = cpuinfo.find(key); start != std::string_view::npos) line = cpuinfo.substr(start + 1);
  }
  line = line.substr(0, line.find('\n'));
  const auto has = [&](std::string_view word) {
    for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
      const auto end = at + word.size();
      if (line[at - 1] == ' ' && (end == line.size() || line[end] == ' ')) return true;
    }
    return false;
  };
  CpuFeatures features;
  features.avx2 = has("avx2") && has("fma") && has("f16c");
  features.avx_vnni = features.avx2 && has("avx_vnni");
  features.avx512_vnni =
      features.avx2 && has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") && has("avx512_vnni");
  features.amx_int8 = features.avx512_vnni && has("amx_tile") && has("amx_int8");
  features.neon = has("asimd") || (has("neon") && has("vfpv4"));
  features.dotprod = features.neon && has("asimddp");
  features.i8mm = features.dotprod && has("i8mm");
  features.sve2 = features.dotprod && has("sve2");
  return features;
}

}  // namespace linnet::hal
