#include "kernels/norm/norm.h"

namespace linnet::kernels {
namespace {

constexpr Variant<RmsNorm> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::rms_norm},
#elif defined(__aarch64__)
    {"neon", {.neon = true}, neon::rms_norm},
#endif
    {"scalar", {}, scalar::rms_norm},
};

}  // namespace

Variants<RmsNorm> rms_norm_variants() { return kTable; }

}  // namespace linnet::kernels
