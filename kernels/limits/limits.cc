#include "kernels/limits/limits.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Limits*> kVariants[] = {
#if defined(__x86_64__)
    {"amx_int8", {.avx2 = true, .avx512_vnni = true, .amx_int8 = true}, &amx_int8::kLimits},
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kLimits},
    {"avx_vnni", {.avx2 = true, .avx_vnni = true}, &avx_vnni::kLimits},
    {"avx2", {.avx2 = true}, &avx2::kLimits},
#elif defined(__aarch64__)
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kLimits},
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kLimits},
    {"neon", {.neon = true}, &neon::kLimits},
#elif defined(__arm__)
    {"neon", {.neon = true}, &neon::kLimits},
#endif
    {"scalar", {}, &scalar::kLimits},
};

}  // namespace

Variants<const Limits*> limits_variants() { return kVariants; }

}  // namespace linnet::kernels
