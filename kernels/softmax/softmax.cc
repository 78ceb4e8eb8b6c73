#include "kernels/softmax/softmax.h"

namespace linnet::kernels {
namespace {

constexpr Variant<const Softmax*> kTable[] = {
#if defined(__x86_64__)
    {"avx512", {.avx2 = true, .avx512_vnni = true}, &avx512::kSoftmax},
    {"avx2", {.avx2 = true}, &avx2::kSoftmax},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, &neon::kSoftmax},
#endif
    {"scalar", {}, &scalar::kSoftmax},
};

}  // namespace

Variants<const Softmax*> softmax_variants() { return kTable; }

}  // namespace linnet::kernels
