#include "kernels/matmul_float/matmul_float.h"

#include <cassert>

namespace linnet::kernels {
namespace {

constexpr Variant<MatMulFloat> kF32[] = {
#if defined(__x86_64__)
    {"avx512", {.avx2 = true, .avx512_vnni = true}, avx512::matmul_f32},
    {"avx2", {.avx2 = true}, avx2::matmul_f32},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::matmul_f32},
#endif
    {"scalar", {}, scalar::matmul_f32},
};
constexpr Variant<MatMulFloat> kF16[] = {
#if defined(__x86_64__)
    {"avx512", {.avx2 = true, .avx512_vnni = true}, avx512::matmul_f16},
    {"avx2", {.avx2 = true}, avx2::matmul_f16},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::matmul_f16},
#endif
    {"scalar", {}, scalar::matmul_f16},
};
constexpr Variant<MatMulFloat> kBF16[] = {
#if defined(__x86_64__)
    {"avx512", {.avx2 = true, .avx512_vnni = true}, avx512::matmul_bf16},
    {"avx2", {.avx2 = true}, avx2::matmul_bf16},
#elif defined(__aarch64__) || defined(__arm__)
    {"neon", {.neon = true}, neon::matmul_bf16},
#endif
    {"scalar", {}, scalar::matmul_bf16},
};

}  // namespace

Variants<MatMulFloat> matmul_float_variants(Format format) {
  switch (format) {
    case Format::kF32: return kF32;
    case Format::kF16: return kF16;
    case Format::kBF16: return kBF16;
    default: break;
  }
  assert(false && "the format has panels");
  return {};
}

}  // namespace linnet::kernels
