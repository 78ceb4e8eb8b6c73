#if !defined(__ARM_FEATURE_DOTPROD)
#  error "this file is compiled with -march=armv8.2-a+dotprod"
#endif

#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::neon_dotprod {
namespace {

// A lane's four products of bytes are one instruction (SDOT); four activations are picked by its lane operand.
template <class Weights>
class Product {
 public:
  void add(const int8x16_t (&columns)[4], int8x16_t activations) {
    sums_ = vdotq_laneq_s32(sums_, columns[0], activations, 0);
    sums_ = vdotq_laneq_s32(sums_, columns[1], activations, 1);
    sums_ = vdotq_laneq_s32(sums_, columns[2], activations, 2);
    sums_ = vdotq_laneq_s32(sums_, columns[3], activations, 3);
  }
  int32x4_t sums() const { return sums_; }

 private:
  int32x4_t sums_ = vdupq_n_s32(0);
};

template <class Weights>
constexpr MatMul entries() {
  return {tile_neon::one_row<Product, Weights>, tile_neon::many_rows<Product, Weights>};
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
