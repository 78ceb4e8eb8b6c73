// Prepares rows for gemm.cu: f16 numbers, a power of two a row, four numbers in the order 0, 2, 1, 3.
#include "kernels/cuda/rows.h"

namespace linnet::kernels::cuda {

// 2^e with largest * 2^-e in [2^13, 2^14), as far as e is in -100 … 100; 1 for zero rows.
LINNET_DEVICE float row_scale(float largest) {
  if (!(largest >= 0x1p-87F)) return 1.0F;
  const std::uint32_t exponent = bits_of(largest) >> 23;  // Biased by 127.
  return float_of((exponent - 13) << 23);
}

LINNET_KERNEL(kNormThreads) linnet_cuda_half_rows(const HalfRowsParameters p) {
  __shared__ float room[kWarp];
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t row = block_x();
  const float* const in = p.in + static_cast<std::size_t>(row) * p.in_stride;
  const std::uint32_t padded = (p.columns + kGemmDepth - 1) / kGemmDepth * kGemmDepth;
  float largest = 0.0F;
  for (std::uint32_t i = thread_index(); i < p.columns; i += kNormThreads) {
    largest = larger(largest, in[i] < 0.0F ? -in[i] : in[i]);
  }
  const float scale = row_scale(block_maximum(largest, room, kNormThreads));
  const float inverse = 1.0F / scale;
  std::uint16_t* const out = p.out + static_cast<std::size_t>(row) * padded;
  for (std::uint32_t i = thread_index(); i < padded; i += kNormThreads) {
    float x = i < p.columns ? in[i] : 0.0F;
    if (p.quantised != 0) {
      const QuantisedNumber number = quantise(x);
      x = product(static_cast<float>(number.value), number.scale);
    }
    const std::uint32_t place = i % 4;
    out[i - place + (place == 1 ? 2 : place == 2 ? 1 : place)] = float_to_half(product(x, inverse));
  }
  if (thread_index() == 0) p.scales[row] = scale;
}

}  // namespace linnet::kernels::cuda
