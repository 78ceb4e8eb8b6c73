#include "kernels/matmul/matmul.h"

#include <cassert>

namespace linnet::kernels {
namespace {

constexpr Variant<const MatMul*> kQ8_0[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ8_0},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ8_0},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ8_0},
    {"neon", {.neon = true}, &neon::kMatMulQ8_0},
#endif
    {"scalar", {}, &scalar::kMatMulQ8_0},
};
constexpr Variant<const MatMul*> kQ4_0[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ4_0},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ4_0},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ4_0},
    {"neon", {.neon = true}, &neon::kMatMulQ4_0},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_0},
};
constexpr Variant<const MatMul*> kQ4_1[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ4_1},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ4_1},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ4_1},
    {"neon", {.neon = true}, &neon::kMatMulQ4_1},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_1},
};

}  // namespace

Variants<const MatMul*> matmul_variants(Format format) {
  switch (format) {
    case Format::kQ8_0: return kQ8_0;
    case Format::kQ4_0: return kQ4_0;
    case Format::kQ4_1: return kQ4_1;
    case Format::kF32:
    case Format::kF16:
    case Format::kBF16: break;
  }
  assert(false && "the format has no panels");
  return {};
}

}  // namespace linnet::kernels
