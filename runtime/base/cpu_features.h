// What the processor can do, as a value: hal fills it, kernels read it.
#pragma once

namespace linnet {

// Only what *every* usable core has. All false is a valid processor: the scalar variants serve it.
struct CpuFeatures {
  // x86-64
  bool avx2 = false;         // AVX2 with FMA and F16C.
  bool avx_vnni = false;     // 256-bit VPDPBUSD without AVX-512.
  bool avx512_vnni = false;  // AVX-512 F, BW, DQ, VL and VNNI.
  bool amx_int8 = false;     // Tiles of int8, which the operating system has allowed this process.
  // AArch64 and ARMv7
  bool neon = false;
  bool dotprod = false;  // SDOT, UDOT.
  bool i8mm = false;     // SMMLA.
  bool sve2 = false;

  friend constexpr bool operator==(const CpuFeatures&, const CpuFeatures&) = default;

  // Whether this processor has everything that `needed` has.
  [[nodiscard]] constexpr bool covers(const CpuFeatures& needed) const {
    return (avx2 || !needed.avx2) && (avx_vnni || !needed.avx_vnni) && (avx512_vnni || !needed.avx512_vnni) &&
           (amx_int8 || !needed.amx_int8) && (neon || !needed.neon) && (dotprod || !needed.dotprod) &&
           (i8mm || !needed.i8mm) && (sve2 || !needed.sve2);
  }
};

}  // namespace linnet
