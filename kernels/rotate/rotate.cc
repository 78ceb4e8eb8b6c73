#include "kernels/rotate/rotate.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Rotate*> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, &avx2::kRotate},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kRotate},
#endif
    {"scalar", {}, &scalar::kRotate},
};

}  // namespace

Variants<const Rotate*> rotate_variants() { return kTable; }

}  // namespace linnet::kernels
