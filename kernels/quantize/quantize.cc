#include "kernels/quantize/quantize.h"

namespace linnet::kernels {
namespace {

constexpr Variant<Quantize> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, avx2::quantize},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::quantize},
#endif
    {"scalar", {}, scalar::quantize},
};

}  // namespace

Variants<Quantize> quantize_variants() { return kTable; }

}  // namespace linnet::kernels
