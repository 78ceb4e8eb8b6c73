#include "kernels/recurrence/recurrence.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Recurrence*> kVariants[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, &avx2::kRecurrence},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kRecurrence},
#endif
    {"scalar", {}, &scalar::kRecurrence},
};

}  // namespace

Variants<const Recurrence*> recurrence_variants() { return kVariants; }

}  // namespace linnet::kernels
