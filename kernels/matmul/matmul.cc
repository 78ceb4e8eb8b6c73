#include "kernels/matmul/matmul.h"

#include <cassert>

namespace linnet::kernels {
namespace {

// neon_i8mm comes after neon_dotprod: by the models of three cores it is 3 to 5 % slower (bench/RESULTS.md) as long as
// rows of activations are paired at each use. LINNET_KERNEL=matmul=neon_i8mm tries it on a board.
constexpr Variant<const MatMul*> kQ8_0[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ8_0},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ8_0},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ8_0},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ8_0},
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
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ4_0},
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
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ4_1},
    {"neon", {.neon = true}, &neon::kMatMulQ4_1},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_1},
};
constexpr Variant<const MatMul*> kQ5_0[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ5_0},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ5_0},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ5_0},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ5_0},
    {"neon", {.neon = true}, &neon::kMatMulQ5_0},
#endif
    {"scalar", {}, &scalar::kMatMulQ5_0},
};
constexpr Variant<const MatMul*> kQ5_1[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ5_1},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ5_1},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ5_1},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ5_1},
    {"neon", {.neon = true}, &neon::kMatMulQ5_1},
#endif
    {"scalar", {}, &scalar::kMatMulQ5_1},
};
constexpr Variant<const MatMul*> kIQ4_NL[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulIQ4_NL},
    {"avx2", {.avx2 = true}, &avx2::kMatMulIQ4_NL},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulIQ4_NL},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulIQ4_NL},
    {"neon", {.neon = true}, &neon::kMatMulIQ4_NL},
#endif
    {"scalar", {}, &scalar::kMatMulIQ4_NL},
};
constexpr Variant<const MatMul*> kQ4_K[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ4_K},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ4_K},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ4_K},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ4_K},
    {"neon", {.neon = true}, &neon::kMatMulQ4_K},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_K},
};
constexpr Variant<const MatMul*> kQ5_K[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ5_K},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ5_K},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ5_K},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ5_K},
    {"neon", {.neon = true}, &neon::kMatMulQ5_K},
#endif
    {"scalar", {}, &scalar::kMatMulQ5_K},
};
constexpr Variant<const MatMul*> kQ6_K[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ6_K},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ6_K},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ6_K},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ6_K},
    {"neon", {.neon = true}, &neon::kMatMulQ6_K},
#endif
    {"scalar", {}, &scalar::kMatMulQ6_K},
};
constexpr Variant<const MatMul*> kQ4_64[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ4_64},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ4_64},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ4_64},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ4_64},
    {"neon", {.neon = true}, &neon::kMatMulQ4_64},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_64},
};
constexpr Variant<const MatMul*> kQ4_128[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {.avx2 = true, .avx512_vnni = true}, &avx512_vnni::kMatMulQ4_128},
    {"avx2", {.avx2 = true}, &avx2::kMatMulQ4_128},
#elif defined(__aarch64__)
    {"neon_dotprod", {.neon = true, .dotprod = true}, &neon_dotprod::kMatMulQ4_128},
    {"neon_i8mm", {.neon = true, .dotprod = true, .i8mm = true}, &neon_i8mm::kMatMulQ4_128},
    {"neon", {.neon = true}, &neon::kMatMulQ4_128},
#endif
    {"scalar", {}, &scalar::kMatMulQ4_128},
};

}  // namespace

Variants<const MatMul*> matmul_variants(Format format) {
  switch (format) {
    case Format::kQ8_0: return kQ8_0;
    case Format::kQ4_0: return kQ4_0;
    case Format::kQ4_1: return kQ4_1;
    case Format::kQ5_0: return kQ5_0;
    case Format::kQ5_1: return kQ5_1;
    case Format::kIQ4_NL: return kIQ4_NL;
    case Format::kQ4_K: return kQ4_K;
    case Format::kQ5_K: return kQ5_K;
    case Format::kQ6_K: return kQ6_K;
    case Format::kQ4_64: return kQ4_64;
    case Format::kQ4_128: return kQ4_128;
    case Format::kF32:
    case Format::kF16:
    case Format::kBF16: break;
  }
  assert(false && "the format has no panels");
  return {};
}

}  // namespace linnet::kernels
