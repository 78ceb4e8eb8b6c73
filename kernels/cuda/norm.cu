// Normalisation of rows, and of the equal parts (heads) of rows.
#include "kernels/cuda/rows.h"

namespace linnet::kernels::cuda {

LINNET_DEVICE void finish_norm(const Q8Rows& quantised, float* out, std::uint32_t row, std::uint32_t columns,
                               std::uint32_t column, float x) {
  *out = x;
  if (quantised.values != nullptr) put_quantised(quantised, row, columns, column, x);
}

// A warp a part: heads.
LINNET_DEVICE void rms_norm_of_heads(const RmsNormParameters& p) {
  const std::uint32_t group = block_x() * (kRowThreads / kWarp) + warp_index();
  if (group >= p.groups) return;
  const float* const in = p.in + static_cast<std::size_t>(block_y()) * p.in_stride + group * p.part;
  float* const out = p.out + static_cast<std::size_t>(block_y()) * p.out_stride + group * p.part;
  float squares = 0.0F;
  for (std::uint32_t i = lane_index(); i < p.width; i += kWarp) squares = fused(in[i], in[i], squares);
  const float mean = warp_sum(squares) / static_cast<float>(p.width);
  const float inverse = 1.0F / square_root(mean + p.epsilon);
  for (std::uint32_t i = lane_index(); i < p.width; i += kWarp) {
    const float x = product(product(in[i], inverse), p.weight[i]);
    finish_norm(p.quantised, out + i, block_y(), p.groups * p.part, group * p.part + i, x);
  }
}

// A block a part: whole rows.
LINNET_DEVICE void rms_norm_of_rows(const RmsNormParameters& p, float* room) {
  const std::uint32_t group = block_x();
  const float* const in = p.in + static_cast<std::size_t>(block_y()) * p.in_stride + group * p.part;
  float* const out = p.out + static_cast<std::size_t>(block_y()) * p.out_stride + group * p.part;
  // The first numbers stay in registers, and all their loads are under way at once.
  constexpr std::uint32_t kHeld = 4;
  float held[kHeld];
  float weights[kHeld];
  LINNET_UNROLL
  for (std::uint32_t k = 0; k < kHeld; ++k) {
    const std::uint32_t i = thread_index() + k * kNormThreads;
    held[k] = i < p.width ? in[i] : 0.0F;
    weights[k] = i < p.width ? p.weight[i] : 0.0F;
  }
  float squares = 0.0F;
  LINNET_UNROLL
  for (std::uint32_t k = 0; k < kHeld; ++k) squares = fused(held[k], held[k], squares);
  for (std::uint32_t i = thread_index() + kHeld * kNormThreads; i < p.width; i += kNormThreads) {
    squares = fused(in[i], in[i], squares);
  }
  const float mean = block_sum(squares, room, kNormThreads) / static_cast<float>(p.width);
  const float inverse = 1.0F / square_root(mean + p.epsilon);
  const auto finish = [&](std::uint32_t i, float x, float weight) {
    finish_norm(p.quantised, out + i, block_y(), p.groups * p.part, group * p.part + i,
                product(product(x, inverse), weight));
  };
  LINNET_UNROLL
  for (std::uint32_t k = 0; k < kHeld; ++k) {
    const std::uint32_t i = thread_index() + k * kNormThreads;
    if (i < p.width) finish(i, held[k], weights[k]);
  }
  for (std::uint32_t i = thread_index() + kHeld * kNormThreads; i < p.width; i += kNormThreads) {
    finish(i, in[i], p.weight[i]);
  }
}

LINNET_KERNEL(kNormThreads) linnet_cuda_rms_norm(const RmsNormParameters p) {
  __shared__ float room[kWarp];
  wait_for_predecessor();
  let_successor_start();
  if (p.part <= kSmallPart) {
    rms_norm_of_heads(p);
  } else {
    rms_norm_of_rows(p, room);
  }
}

LINNET_KERNEL(kNormThreads) linnet_cuda_layer_norm(const LayerNormParameters p) {
  __shared__ float room[kWarp];
  wait_for_predecessor();
  let_successor_start();
  const float* const in = p.in + static_cast<std::size_t>(block_y()) * p.in_stride;
  float* const out = p.out + static_cast<std::size_t>(block_y()) * p.out_stride;
  float sum = 0.0F;
  for (std::uint32_t i = thread_index(); i < p.width; i += kNormThreads) sum += in[i];
  const float mean = block_sum(sum, room, kNormThreads) / static_cast<float>(p.width);
  float squares = 0.0F;
  for (std::uint32_t i = thread_index(); i < p.width; i += kNormThreads) {
    squares = fused(in[i] - mean, in[i] - mean, squares);
  }
  const float variance = block_sum(squares, room, kNormThreads) / static_cast<float>(p.width);
  const float inverse = 1.0F / square_root(variance + p.epsilon);
  for (std::uint32_t i = thread_index(); i < p.width; i += kNormThreads) {
    const float x = product(product(in[i] - mean, inverse), p.weight[i]) + p.bias[i];
    finish_norm(p.quantised, out + i, block_y(), p.width, i, x);
  }
}

}  // namespace linnet::kernels::cuda
