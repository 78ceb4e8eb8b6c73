#include "kernels/norm/norm.h"

namespace linnet::kernels {
namespace {

constexpr Variant<RmsNorm> kRmsNorm[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::rms_norm},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::rms_norm},
#endif
    {"scalar", {}, scalar::rms_norm},
};

constexpr Variant<LayerNorm> kLayerNorm[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::layer_norm},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::layer_norm},
#endif
    {"scalar", {}, scalar::layer_norm},
};

constexpr Variant<UnitNorm> kUnitNorm[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::unit_norm},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::unit_norm},
#endif
    {"scalar", {}, scalar::unit_norm},
};

}  // namespace

Variants<RmsNorm> rms_norm_variants() { return kRmsNorm; }
Variants<LayerNorm> layer_norm_variants() { return kLayerNorm; }
Variants<UnitNorm> unit_norm_variants() { return kUnitNorm; }

}  // namespace linnet::kernels
