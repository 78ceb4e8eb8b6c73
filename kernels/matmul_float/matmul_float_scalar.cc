#include "kernels/formats/block_code.h"
#include "kernels/math/lanes.h"
#include "kernels/matmul_float/matmul_float.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

float widen(float weight) { return weight; }

struct F16 {
  std::uint16_t bits;
};
float widen(F16 weight) { return f16_to_f32(weight.bits); }

struct BF16 {
  std::uint16_t bits;
};
float widen(BF16 weight) { return bf16_to_f32(weight.bits); }

template <class Weight>
void multiply(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  for (std::size_t r = 0; r < in.rows; ++r) {
    for (std::size_t i = 0; i < matrix.rows; ++i) {
      const std::byte* const row = matrix.weights + i * matrix.columns * sizeof(Weight);
      LaneSum sum;
      for (std::size_t c = 0; c < matrix.columns; ++c) {
        sum.multiply_add(c, widen(load<Weight>(row + c * sizeof(Weight))), in.values[r * in.stride + c]);
      }
      out[r * out_stride + i] = sum.total();
    }
  }
}

}  // namespace

void matmul_f32(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<float>(matrix, in, out, out_stride);
}
void matmul_f16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<F16>(matrix, in, out, out_stride);
}
void matmul_bf16(const FloatMatrix& matrix, const FloatRows& in, float* out, std::size_t out_stride) {
  multiply<BF16>(matrix, in, out, out_stride);
}

}  // namespace linnet::kernels::LINNET_SCALAR
