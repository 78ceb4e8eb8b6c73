// Row-major float weights times one to eight rows of floats: a warp an output, each weight read once.
#include "kernels/cuda/float_weights.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"

namespace linnet::kernels::cuda {

// Whether rows of the matrix and of the input can be read four numbers at a time.
template <Format kFormat>
LINNET_DEVICE bool reads_fours(const FloatMatVecParameters& p, const std::byte* weight) {
  constexpr std::uint32_t kBytes = 4 * FloatWeights<kFormat>::kBytes;
  return p.columns % 4 == 0 && p.in_stride % 4 == 0 && is_aligned(weight, kBytes) && is_aligned(p.in, 16);
}

template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void add_fours(const FloatMatVecParameters& p, const std::byte* weights, float (&sums)[kRows]) {
  LINNET_UNROLL
  for (std::uint32_t t = 0; t < kRows; ++t) sums[t] = 0.0F;
#if !defined(LINNET_CUDA_SERIAL)
#  pragma unroll 4
#endif
  for (std::uint32_t i = lane_index(); i < p.columns / 4; i += kWarp) {
    float w[4];
    FloatWeights<kFormat>::four(weights, i, w);
    LINNET_UNROLL
    for (std::uint32_t t = 0; t < kRows; ++t) {
      if (t != 0 && t >= p.rows) continue;
      const float* const x = p.in + static_cast<std::size_t>(t) * p.in_stride + 4 * i;
      const Words4 in = *reinterpret_cast<const Words4*>(x);
      LINNET_UNROLL
      for (std::uint32_t c = 0; c < 4; ++c) sums[t] = fused(w[c], float_of(in.word[c]), sums[t]);
    }
  }
}

template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void add_ones(const FloatMatVecParameters& p, const std::byte* weights, float (&sums)[kRows]) {
  LINNET_UNROLL
  for (std::uint32_t t = 0; t < kRows; ++t) sums[t] = 0.0F;
  for (std::uint32_t i = lane_index(); i < p.columns; i += kWarp) {
    const float w = FloatWeights<kFormat>::one(weights, i);
    LINNET_UNROLL
    for (std::uint32_t t = 0; t < kRows; ++t) {
      if (t != 0 && t >= p.rows) continue;
      sums[t] = fused(w, p.in[static_cast<std::size_t>(t) * p.in_stride + i], sums[t]);
    }
  }
}

template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void matvec_float(const FloatMatVecParameters& p) {
  wait_for_predecessor();
  let_successor_start();
  const Tile tile = tile_of(p, block_x(), kFloatMatVecOutputs);
  const std::uint32_t output = tile.number * kFloatMatVecOutputs + warp_index();
  if (output >= tile.projection.rows) return;
  const std::size_t row_size = static_cast<std::size_t>(p.columns) * FloatWeights<kFormat>::kBytes;
  const std::byte* const weights = tile.projection.weight + output * row_size;
  float sums[kRows];
  if (reads_fours<kFormat>(p, tile.projection.weight)) {
    add_fours<kFormat, kRows>(p, weights, sums);
  } else {
    add_ones<kFormat, kRows>(p, weights, sums);
  }
  LINNET_UNROLL
  for (std::uint32_t t = 0; t < kRows; ++t) {
    const float sum = warp_sum(sums[t]);
    if (lane_index() == 0 && t < p.rows) put_output(tile.projection, t, output, sum);
  }
}

#define LINNET_CUDA_MATVEC(format, name, row_count)                                                                \
  LINNET_KERNEL(32 * kFloatMatVecOutputs) linnet_cuda_matvec_##row_count##_##name(const FloatMatVecParameters p) { \
    matvec_float<Format::k##format, row_count>(p);                                                                 \
  }
#define LINNET_CUDA_ENTRY(format, name) \
  LINNET_CUDA_MATVEC(format, name, 1)   \
  LINNET_CUDA_MATVEC(format, name, 2)   \
  LINNET_CUDA_MATVEC(format, name, 4)   \
  LINNET_CUDA_MATVEC(format, name, 8)
LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#undef LINNET_CUDA_MATVEC

}  // namespace linnet::kernels::cuda
