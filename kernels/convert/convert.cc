#include "kernels/convert/convert.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Convert*> kTable[] = {
#if defined(__x86_64__)
    {"avx2", {.avx2 = true}, &avx2::kConvert},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kConvert},
#endif
    {"scalar", {}, &scalar::kConvert},
};

}  // namespace

Variants<const Convert*> convert_variants() { return kTable; }

}  // namespace linnet::kernels
