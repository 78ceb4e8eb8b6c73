#include "hal/cpu_decode.h"

#include <gtest/gtest.h>

namespace linnet::hal {
namespace {

// Registers as the processors report them, with an operating system that saves everything they have.
constexpr X86Registers kHaswell{.leaf1_ecx = 0x7ffafbff, .leaf7_ebx = 0x000027ab, .extended_control_0 = 0x7};
constexpr X86Registers kSandyBridge{.leaf1_ecx = 0x1fbae3ff, .extended_control_0 = 0x7};
constexpr X86Registers kSkylakeServer{.leaf1_ecx = 0x7ffefbff, .leaf7_ebx = 0xd39ffffb, .extended_control_0 = 0xe7};
constexpr X86Registers kZen4{.leaf1_ecx = 0x7ed8320b,
                             .leaf7_ebx = 0xf1bf97a9,
                             .leaf7_ecx = 0x00405fce,
                             .leaf7_subleaf1_eax = 0x00000020,
                             .extended_control_0 = 0xe7};
constexpr X86Registers kSapphireRapids{.leaf1_ecx = 0x7ffefbff,
                                       .leaf7_ebx = 0xf3bfbffb,
                                       .leaf7_ecx = 0xfb417ffe,
                                       .leaf7_edx = 0xffdd4432,
                                       .leaf7_subleaf1_eax = 0x00001c30,
                                       .extended_control_0 = 0x602e7,
                                       .may_use_tiles = true};
constexpr X86Registers kAlderLake{.leaf1_ecx = 0x7ffafbbf,
                                  .leaf7_ebx = 0x239c27eb,
                                  .leaf7_ecx = 0x184007ac,
                                  .leaf7_subleaf1_eax = 0x00400810,
                                  .extended_control_0 = 0x207};

TEST(DecodeX86, TellsProcessorsApart) {
  EXPECT_EQ(decode_x86({}), CpuFeatures{});
  EXPECT_EQ(decode_x86(kSandyBridge), CpuFeatures{});
  EXPECT_EQ(decode_x86(kHaswell), (CpuFeatures{.avx2 = true}));
  EXPECT_EQ(decode_x86(kSkylakeServer), (CpuFeatures{.avx2 = true})) << "AVX-512 without VNNI";
  EXPECT_EQ(decode_x86(kZen4), (CpuFeatures{.avx2 = true, .avx512_vnni = true}));
  EXPECT_EQ(decode_x86(kAlderLake), (CpuFeatures{.avx2 = true, .avx_vnni = true}));
}

TEST(DecodeX86, HasTilesWhereTheOperatingSystemGivesThem) {
  constexpr CpuFeatures kWithout{.avx2 = true, .avx_vnni = true, .avx512_vnni = true};
  CpuFeatures with = kWithout;
  with.amx_int8 = true;
  EXPECT_EQ(decode_x86(kSapphireRapids), with);
  EXPECT_FALSE(has_tiles(kZen4));

  X86Registers registers = kSapphireRapids;
  registers.may_use_tiles = false;
  EXPECT_TRUE(has_tiles(registers)) << "then it is worth asking";
  EXPECT_EQ(decode_x86(registers), kWithout);
  for (const std::uint64_t state : {0x20000u, 0x40000u}) {
    registers = kSapphireRapids;
    registers.extended_control_0 &= ~state;
    EXPECT_FALSE(has_tiles(registers)) << state;
    EXPECT_EQ(decode_x86(registers), kWithout) << state;
  }
  for (const unsigned bit : {24u, 25u}) {
    registers = kSapphireRapids;
    registers.leaf7_edx &= ~(1u << bit);
    EXPECT_EQ(decode_x86(registers), kWithout) << "leaf 7 EDX without bit " << bit;
  }
}

TEST(DecodeX86, BelievesTheOperatingSystemOverTheProcessor) {
  X86Registers registers = kZen4;
  registers.extended_control_0 = 0x3;  // SSE alone: a kernel started with `noxsave` or `clearcpuid=avx`.
  EXPECT_EQ(decode_x86(registers), CpuFeatures{});
  registers.extended_control_0 = 0x7;  // No ZMM state.
  EXPECT_EQ(decode_x86(registers), (CpuFeatures{.avx2 = true}));
  for (const std::uint64_t missing : {0x20u, 0x40u, 0x80u}) {
    registers.extended_control_0 = 0xe7 & ~missing;
    EXPECT_FALSE(decode_x86(registers).avx512_vnni) << missing;
  }
  registers = kZen4;
  registers.leaf1_ecx &= ~(1u << 27);  // No OSXSAVE.
  EXPECT_EQ(decode_x86(registers), CpuFeatures{});
}

TEST(DecodeX86, NeedsEveryPartOfAFeature) {
  for (const unsigned bit : {12u, 28u, 29u}) {  // FMA, AVX, F16C.
    X86Registers registers = kZen4;
    registers.leaf1_ecx &= ~(1u << bit);
    EXPECT_EQ(decode_x86(registers), CpuFeatures{}) << "leaf 1 ECX without bit " << bit;
  }
  for (const unsigned bit : {16u, 17u, 30u, 31u}) {  // AVX-512 F, DQ, BW, VL.
    X86Registers registers = kZen4;
    registers.leaf7_ebx &= ~(1u << bit);
    EXPECT_EQ(decode_x86(registers), (CpuFeatures{.avx2 = true})) << "leaf 7 EBX without bit " << bit;
  }
}

// AT_HWCAP as Linux gives it on the boards.
TEST(DecodeArm64, TellsProcessorsApart) {
  EXPECT_EQ(decode_arm64(0, 0), CpuFeatures{});
  EXPECT_EQ(decode_arm64(0x8ff, 0), (CpuFeatures{.neon = true})) << "Cortex-A53 and A72";
  EXPECT_EQ(decode_arm64(0x119fff, 0), (CpuFeatures{.neon = true, .dotprod = true})) << "Cortex-A76, Neoverse-N1";
  // Neoverse-V1 has SVE but not SVE2; N2 has SVE2.
  EXPECT_EQ(decode_arm64(0x19fffff, 0x3f000 | (1u << 13)), (CpuFeatures{.neon = true, .dotprod = true, .i8mm = true}));
  EXPECT_EQ(decode_arm64(0x3fffffff, 0x3f3ff),
            (CpuFeatures{.neon = true, .dotprod = true, .i8mm = true, .sve2 = true}));
  EXPECT_FALSE(decode_arm64(1u << 20, 1u << 13).dotprod) << "dot products are part of Advanced SIMD";
}

TEST(DecodeArm32, NeedsFusedMultiplyAdd) {
  EXPECT_EQ(decode_arm32(0), CpuFeatures{});
  EXPECT_EQ(decode_arm32(0x8f0d7), CpuFeatures{}) << "Cortex-A9: NEON with VFPv3";
  EXPECT_EQ(decode_arm32(0x3fb0d6), (CpuFeatures{.neon = true})) << "Cortex-A7, A53 in 32-bit mode";
  EXPECT_TRUE(decode_arm32(0x3fb0d6 | (1u << 24)).dotprod);
}

constexpr std::string_view kOrangePi5 =
    "processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
    "CPU variant\t: 0x2\nCPU part\t: 0xd05\nCPU revision\t: 0\n\n"
    "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\nprocessor\t: 2\nCPU implementer\t: 0x41\n"
    "CPU part\t: 0xd0b\n\nSerial\t\t: 0123\n";

TEST(ParseCpuModel, NamesEachKindOfCore) {
  EXPECT_EQ(parse_cpu_model(kOrangePi5), "1 x Cortex-A55, 2 x Cortex-A76");
  EXPECT_EQ(parse_cpu_model("CPU implementer\t: 0x41\nCPU part\t: 0xd42\n"), "Cortex-A78AE");
  EXPECT_EQ(parse_cpu_model("CPU implementer\t: 0x99\nCPU part\t: 0x123\n"), "ARM core 0x99/0x123");
  EXPECT_EQ(parse_cpu_model("model name\t: ARMv7 Processor rev 4 (v7l)\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n"),
            "Cortex-A53");
  EXPECT_EQ(parse_cpu_model("processor\t: 0\nmodel name\t: Intel(R) N100\nprocessor\t: 1\nmodel name\t: Intel(R) N100"),
            "Intel(R) N100");
}

TEST(ParseCpuModel, BearsWhatIsNotThere) {
  EXPECT_EQ(parse_cpu_model(""), "");
  EXPECT_EQ(parse_cpu_model("no colon here\n:\n : \nmodel name\t:\n"), "");
  EXPECT_EQ(parse_cpu_model("CPU part\t: 0xd03"), "ARM core /0xd03");
}

}  // namespace
}  // namespace linnet::hal
