#include "kernels/softmax/softmax.h"

namespace linnet::kernels {
namespace {

constexpr Variant<SoftmaxMass> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::softmax_mass},
#elif defined(__aarch64__)
    {"neon", {.neon = true}, neon::softmax_mass},
#endif
    {"scalar", {}, scalar::softmax_mass},
};

}  // namespace

Variants<SoftmaxMass> softmax_mass_variants() { return kTable; }

}  // namespace linnet::kernels
