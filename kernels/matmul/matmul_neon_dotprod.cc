#if !defined(__ARM_FEATURE_DOTPROD)
#  error "this file is compiled with -march=armv8.2-a+dotprod"
#endif

#include "kernels/matmul/tile_neon_dotprod.h"

namespace linnet::kernels::neon_dotprod {
namespace {

template <class Weights>
constexpr MatMul entries() {
  using Multiply = tile_neon::EachRow<tile_neon::DotProduct, 8>;
  return {tile_neon::one_row<Multiply, Weights>, tile_neon::many_rows<Multiply, Weights>};
}

}  // namespace

const MatMul kMatMulQ8_0 = entries<tile_neon::Q8_0>();
const MatMul kMatMulQ4_0 = entries<tile_neon::Q4_0>();
const MatMul kMatMulQ4_1 = entries<tile_neon::Q4_1>();
const MatMul kMatMulQ5_0 = entries<tile_neon::Q5_0>();
const MatMul kMatMulQ5_1 = entries<tile_neon::Q5_1>();
const MatMul kMatMulIQ4_NL = entries<tile_neon::IQ4_NL>();
const MatMul kMatMulQ4_K = entries<tile_neon::Q4_K>();
const MatMul kMatMulQ5_K = entries<tile_neon::Q5_K>();
const MatMul kMatMulQ6_K = entries<tile_neon::Q6_K>();
const MatMul kMatMulQ4_64 = entries<tile_neon::Q4_64>();
const MatMul kMatMulQ4_128 = entries<tile_neon::Q4_128>();

}  // namespace linnet::kernels::neon_dotprod
