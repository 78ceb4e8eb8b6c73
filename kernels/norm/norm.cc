#include "kernels/norm/norm.h"

namespace linnet::kernels {
namespace {

constexpr Variant<RmsNorm> kRmsNorm[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::rms_norm},
#elif defined(__aarch64__)
    {"neon", {.neon = true}, neon::rms_norm},
#endif
    {"scalar", {}, scalar::rms_norm},
};

constexpr Variant<LayerNorm> kLayerNorm[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::layer_norm},
#elif defined(__aarch64__)
    {"neon", {.neon = true}, neon::layer_norm},
#endif
    {"scalar", {}, scalar::layer_norm},
};

}  // namespace

Variants<RmsNorm> rms_norm_variants() { return kRmsNorm; }
Variants<LayerNorm> layer_norm_variants() { return kLayerNorm; }

}  // namespace linnet::kernels
