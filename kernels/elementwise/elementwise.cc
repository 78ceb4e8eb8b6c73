#include "kernels/elementwise/elementwise.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Elementwise*> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, &avx2::kElementwise},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kElementwise},
#endif
    {"scalar", {}, &scalar::kElementwise},
};

}  // namespace

Variants<const Elementwise*> elementwise_variants() { return kTable; }

}  // namespace linnet::kernels
