#include "kernels/attention/attention.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Attention*> kTable[] = {
#if defined(__x86_64__)
    {"avx512", {.avx2 = true, .avx512_vnni = true}, &avx512::kAttention},
    {"avx2", {.avx2 = true}, &avx2::kAttention},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kAttention},
#endif
    {"scalar", {}, &scalar::kAttention},
};

}  // namespace

Variants<const Attention*> attention_variants() { return kTable; }

}  // namespace linnet::kernels
