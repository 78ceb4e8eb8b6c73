#include "kernels/matmul/matmul.h"

#include <cassert>

namespace linnet::kernels {
namespace {

template <MatMul MatMulSet::*kFormat>
constexpr Variant<const MatMul*> kVariants[] = {
#if defined(__x86_64__)
    {"amx_int8", {.avx2 = true, .avx512_vnni = true, .amx_int8 = true}, &(amx_int8::kMatMuls.*kFormat)},
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &(avx512_vnni::kMatMuls.*kFormat)},
    {"avx_vnni", {.avx2 = true, .avx_vnni = true}, &(avx_vnni::kMatMuls.*kFormat)},
    {"avx2", {.avx2 = true}, &(avx2::kMatMuls.*kFormat)},
    {"avx512vl_vnni", {.avx2 = true, .avx512_vnni = true}, &(avx512vl_vnni::kMatMuls.*kFormat)},  // For tests.
#elif defined(__aarch64__)
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &(neon_i8mm::kMatMuls.*kFormat)},
    {"neon_dotprod", {.neon = true, .dotprod = true}, &(neon_dotprod::kMatMuls.*kFormat)},
    {"neon", {.neon = true}, &(neon::kMatMuls.*kFormat)},
#elif defined(__arm__)
    {"neon", {.neon = true}, &(neon::kMatMuls.*kFormat)},
#endif
    {"scalar", {}, &(scalar::kMatMuls.*kFormat)},
};

}  // namespace

Variants<const MatMul*> matmul_variants(Format format) {
  switch (format) {
    case Format::kQ8_0: return kVariants<&MatMulSet::q8_0>;
    case Format::kQ4_0: return kVariants<&MatMulSet::q4_0>;
    case Format::kQ4_1: return kVariants<&MatMulSet::q4_1>;
    case Format::kQ5_0: return kVariants<&MatMulSet::q5_0>;
    case Format::kQ5_1: return kVariants<&MatMulSet::q5_1>;
    case Format::kIQ4_NL: return kVariants<&MatMulSet::iq4_nl>;
    case Format::kQ4_K: return kVariants<&MatMulSet::q4_k>;
    case Format::kQ5_K: return kVariants<&MatMulSet::q5_k>;
    case Format::kQ6_K: return kVariants<&MatMulSet::q6_k>;
    case Format::kQ4_64: return kVariants<&MatMulSet::q4_64>;
    case Format::kQ4_128: return kVariants<&MatMulSet::q4_128>;
    case Format::kQ8_128: return kVariants<&MatMulSet::q8_128>;
    case Format::kF32:
    case Format::kF16:
    case Format::kBF16: break;
  }
  assert(false && "the format has no panels");
  return {};
}

}  // namespace linnet::kernels
