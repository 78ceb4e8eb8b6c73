// Operations on single numbers of rows: sums, activation functions, selection, quantising.
#include "kernels/cuda/rows.h"
#include "kernels/math/exp_constants.h"

namespace linnet::kernels::cuda {

// The number of a row that this thread has, in kernels of by_numbers().
LINNET_DEVICE std::uint32_t own_number() { return block_x() * kRowThreads + thread_index(); }

LINNET_DEVICE float silu(float x) { return x / (1.0F + exponential(-x)); }

// erf by formula 7.1.26 of Abramowitz and Stegun, as kernels/math.
LINNET_DEVICE float gelu(float x) {
  using math::Gelu;
  const float z = (x < 0.0F ? -x : x) * Gelu::kRootHalf;
  const float t = 1.0F / fused(Gelu::kP, z, 1.0F);
  float series = fused(Gelu::kA5, t, Gelu::kA4);
  series = fused(series, t, Gelu::kA3);
  series = fused(series, t, Gelu::kA2);
  series = fused(series, t, Gelu::kA1);
  const float upper = series * t * exponential(-(z * z)) * 0.5F;
  return x * (x < 0.0F ? upper : 1.0F - upper);
}

LINNET_KERNEL(kRowThreads) linnet_cuda_add(const AddParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t i = own_number();
  if (i >= p.width) return;
  const std::size_t row = block_y();
  p.in_out[row * p.in_out_stride + i] += p.other[row * p.other_stride + i];
}

LINNET_KERNEL(kRowThreads) linnet_cuda_gelu(const GeluParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t i = own_number();
  if (i >= p.width) return;
  float& x = p.in_out[static_cast<std::size_t>(block_y()) * p.stride + i];
  const float activated = gelu(x);
  x = activated;
  if (p.quantised.values != nullptr) put_quantised(p.quantised, block_y(), p.width, i, activated);
}

LINNET_KERNEL(kRowThreads) linnet_cuda_silu_multiply(const SiluMultiplyParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t i = own_number();
  if (i >= p.width) return;
  const std::size_t row = block_y();
  const float x = silu(p.gate[row * p.gate_stride + i]) * p.up[row * p.up_stride + i];
  p.out[row * p.out_stride + i] = x;
  if (p.quantised.values != nullptr) put_quantised(p.quantised, block_y(), p.width, i, x);
}

LINNET_KERNEL(kRowThreads) linnet_cuda_quantize(const QuantizeParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t i = own_number();
  if (i >= p.width) return;
  put_quantised(p.out, block_y(), p.width, i, p.in[static_cast<std::size_t>(block_y()) * p.in_stride + i]);
}

LINNET_KERNEL(kRowThreads) linnet_cuda_select_outputs(const SelectOutputsParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t i = own_number();
  if (i >= p.width) return;
  const std::size_t from = p.output_rows[block_y()];
  p.out[static_cast<std::size_t>(block_y()) * p.out_stride + i] = p.in[from * p.in_stride + i];
}

// The larger, of equal ones the first; whatever is not a number loses.
struct Candidate {
  float value;
  std::uint32_t place;
};
LINNET_DEVICE Candidate better(const Candidate& a, const Candidate& b) {
  const bool takes_b = b.value > a.value || (b.value == a.value && b.place < a.place);
  return takes_b ? b : a;
}

LINNET_KERNEL(kArgmaxThreads) linnet_cuda_argmax(const ArgmaxParameters p) {
  __shared__ float values[kArgmaxThreads / kWarp];
  __shared__ std::uint32_t places[kArgmaxThreads / kWarp];
  wait_for_predecessor();
  let_successor_start();
  const float* const row = p.in + static_cast<std::size_t>(block_x()) * p.stride;
  Candidate best{float_of(0xFF800000U), 0xFFFFFFFFU};
  for (std::uint32_t i = thread_index(); i < p.width; i += kArgmaxThreads) best = better(best, {row[i], i});
  for (std::uint32_t mask = kWarp / 2; mask != 0; mask /= 2) {
    best = better(best, {shuffle_xor(best.value, mask), shuffle_xor(best.place, mask)});
  }
  if (lane_index() == 0) {
    values[warp_index()] = best.value;
    places[warp_index()] = best.place;
  }
  synchronise();
  if (thread_index() != 0) return;
  for (std::uint32_t i = 1; i < kArgmaxThreads / kWarp; ++i) best = better(best, {values[i], places[i]});
  p.ids[block_x()] = best.place < p.width ? static_cast<std::int32_t>(best.place) : 0;
}

}  // namespace linnet::kernels::cuda
