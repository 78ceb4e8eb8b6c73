// Constants of the canonical exponential and of GELU, for its scalar form and the vector forms in ISA files.
#pragma once

namespace linnet::kernels::math {

struct Exp {
  static constexpr float kLowest = -104.0F;  // Rounds to 0 from here down.
  static constexpr float kHighest = 89.0F;   // Infinity from here up.
  static constexpr float kLog2E = 0x1.715476p+0F;
  static constexpr float kRound = 0x1.8p23F;      // Adding it rounds to an integer, which its low bits then hold.
  static constexpr float kLn2High = 0x1.62ep-1F;  // 12 bits, so that n * kLn2High is exact.
  static constexpr float kLn2Low = 0x1.0bfbe8p-15F;
  // exp(r) = 1 + r + r^2 (c0 + c1 r + … + c4 r^4) for |r| <= ln 2 / 2; the fit's relative error is 3.1e-9.
  static constexpr float kC0 = 0x1.fffffcp-2F;
  static constexpr float kC1 = 0x1.555492p-3F;
  static constexpr float kC2 = 0x1.5558f2p-5F;
  static constexpr float kC3 = 0x1.1239e2p-7F;
  static constexpr float kC4 = 0x1.6a2434p-10F;
};

struct Gelu {
  static constexpr float kRootHalf = 0x1.6a09e6p-1F;
  // 1 - erf(z) = (a1 t + … + a5 t^5) e^(-z^2), t = 1 / (1 + p z), z >= 0, within 1.5e-7.
  static constexpr float kP = 0.3275911F;
  static constexpr float kA1 = 0.254829592F;
  static constexpr float kA2 = -0.284496736F;
  static constexpr float kA3 = 1.421413741F;
  static constexpr float kA4 = -1.453152027F;
  static constexpr float kA5 = 1.061405429F;
};

}  // namespace linnet::kernels::math
