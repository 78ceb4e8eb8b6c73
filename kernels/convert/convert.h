// Rows between f32 and f16: what the KV cache stores.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/variant.h"

namespace linnet::kernels {

// All over [count] numbers; input and output do not overlap.
struct Convert {
  // Rounds to nearest, ties to even; overflow gives infinity.
  void (*to_f16)(const float* in, std::uint16_t* out, std::size_t count);
  // Exact.
  void (*from_f16)(const std::uint16_t* in, float* out, std::size_t count);
};

// Family name: "convert".
[[nodiscard]] Variants<const Convert*> convert_variants();

// The variants themselves; each ISA's exist where its file is compiled.
namespace scalar {
extern const Convert kConvert;
}
namespace avx2 {
extern const Convert kConvert;
}
namespace neon {
extern const Convert kConvert;
}

}  // namespace linnet::kernels
