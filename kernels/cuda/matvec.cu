// Decoding: panels times one to eight rows of int8 activations. Every weight is read once, so bandwidth bounds it.
//
// A block of threads takes a panel. Its warps take the panel's parts by turns, several loads under way each, and
// keep sums of their own: a lane its four rows. They are added at the end, always in the same order.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"
#include "kernels/cuda/weights.h"

namespace linnet::kernels::cuda {

inline constexpr std::uint32_t kMatVecWarps = kMatVecThreads / kWarp;  // At most.

// A lane's columns of one block of activations.
template <std::uint32_t kWords>
struct LaneActivations {
  std::uint32_t words[kWords];
  float scale;

  LINNET_DEVICE void load(const Q8Rows& in, std::uint32_t row, std::uint32_t columns, std::uint32_t part,
                          std::uint32_t chunk) {
    const std::int8_t* const values = in.values + static_cast<std::size_t>(row) * columns + part * 32;
    const auto* const own = reinterpret_cast<const std::uint32_t*>(values) + kWords * chunk;
    for (std::uint32_t w = 0; w < kWords; ++w) words[w] = own[w];
    scale = in.scales[static_cast<std::size_t>(row) * (columns / 32) + part];
  }
  LINNET_DEVICE std::int32_t sum() const {
    std::int32_t sum = 0;
    for (std::uint32_t w = 0; w < kWords; ++w) sum = dot4(words[w], 0x01010101U, sum);
    return sum;
  }
};

// sums[t][i] += the lane's columns of row i times activations t; kRows counts every term.
template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void add_part(const LanePart<kFormat>& weights, const MatVecParameters& p, std::uint32_t part,
                            std::uint32_t chunk, float (&sums)[kRows][4]) {
  using Part = LanePart<kFormat>;
  constexpr std::int32_t kOffset = kForm<kFormat>.offset;
  const std::uint32_t rows = p.rows * p.in.terms;
  LaneActivations<Part::kWords> in[kRows];
  std::int32_t totals[kRows] = {};
  LINNET_UNROLL
  for (std::uint32_t t = 0; t < kRows; ++t) {
    if (t != 0 && t >= rows) continue;
    in[t].load(p.in, t, p.columns, part, chunk);
    if constexpr (kOffset != 0 || kForm<kFormat>.minima) totals[t] = in[t].sum();
  }
  LINNET_UNROLL
  for (std::uint32_t i = 0; i < 4; ++i) {
    std::uint32_t codes[Part::kWords];
    weights.codes(i, chunk, codes);
    const float scale = weights.scale(i);
    LINNET_UNROLL
    for (std::uint32_t t = 0; t < kRows; ++t) {
      if (t != 0 && t >= rows) continue;
      std::int32_t dot = -kOffset * totals[t];
      for (std::uint32_t w = 0; w < Part::kWords; ++w) dot = dot4(codes[w], in[t].words[w], dot);
      sums[t][i] = fused(static_cast<float>(dot), scale * in[t].scale, sums[t][i]);
      if constexpr (kForm<kFormat>.minima) {
        sums[t][i] = fused(static_cast<float>(totals[t]), weights.minimum(i) * in[t].scale, sums[t][i]);
      }
    }
  }
}

// A panel's share of one warp.
template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void add_panel(const std::byte* panel, const MatVecParameters& p, float (&sums)[kRows][4]) {
  using Part = LanePart<kFormat>;
  // Loads under way: as many as leave room in registers for two blocks of threads at a time.
  constexpr std::uint32_t kUnroll = kRows == 1 && kForm<kFormat>.upper == Upper::kNone ? 4 : 2;
  const std::uint32_t quad = lane_index() % 4;
  const std::uint32_t chunk = lane_index() % Part::kLanes / 4;
  const std::uint32_t parts = p.columns / 32;
  const std::uint32_t step = block_threads() / kWarp * Part::kPartsAWarp;
  Part loaded[kUnroll];
  const std::uint32_t first = warp_index() * Part::kPartsAWarp + lane_index() / Part::kLanes;
  // The first weights come before what the kernel before this one writes.
  LINNET_UNROLL
  for (std::uint32_t u = 0; u < kUnroll; ++u) {
    if (first + u * step < parts) loaded[u].load(panel, first + u * step, chunk, quad);
  }
  wait_for_predecessor();
  for (std::uint32_t part = first; part < parts; part += kUnroll * step) {
    if (part != first) {
      LINNET_UNROLL
      for (std::uint32_t u = 0; u < kUnroll; ++u) {
        if (part + u * step < parts) loaded[u].load(panel, part + u * step, chunk, quad);
      }
    }
    LINNET_UNROLL
    for (std::uint32_t u = 0; u < kUnroll; ++u) {
      if (part + u * step < parts) add_part<kFormat, kRows>(loaded[u], p, part + u * step, chunk, sums);
    }
  }
}

template <Format kFormat, std::uint32_t kRows>
LINNET_DEVICE void matvec(const MatVecParameters& p, float* room) {
  let_successor_start();
  const Tile tile = tile_of(p, block_x(), kRowsAPanel);
  float sums[kRows][4] = {};
  add_panel<kFormat, kRows>(tile.projection.weight + tile.number * panel_size<kFormat>(p.columns), p, sums);
  // Lanes of the same rows: those that differ in more than their last two bits.
  LINNET_UNROLL
  for (std::uint32_t t = 0; t < kRows; ++t) {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      LINNET_UNROLL
      for (std::uint32_t mask = 4; mask < kWarp; mask *= 2) sums[t][i] += shuffle_xor(sums[t][i], mask);
      if (lane_index() < 4) room[(warp_index() * kRows + t) * kRowsAPanel + 4 * lane_index() + i] = sums[t][i];
    }
  }
  synchronise();
  const std::uint32_t r = thread_index() / kRowsAPanel;
  const std::uint32_t row = tile.number * kRowsAPanel + thread_index() % kRowsAPanel;
  if (r >= kRows || r >= p.rows || row >= tile.projection.rows) return;
  float sum = 0.0F;
  for (std::uint32_t t = r * p.in.terms; t < (r + 1) * p.in.terms; ++t) {
    for (std::uint32_t w = 0; w < block_threads() / kWarp; ++w) {
      sum += room[(w * kRows + t) * kRowsAPanel + thread_index() % kRowsAPanel];
    }
  }
  put_output(tile.projection, r, row, sum);
}

#define LINNET_CUDA_MATVEC(format, name, row_count)                   \
  LINNET_KERNEL_BLOCKS(kMatVecThreads, row_count <= 2 ? 2 : 1)        \
  linnet_cuda_matvec_##row_count##_##name(const MatVecParameters p) { \
    __shared__ float room[kMatVecWarps * row_count * kRowsAPanel];    \
    matvec<Format::k##format, row_count>(p, room);                    \
  }
#define LINNET_CUDA_ENTRY(format, name) \
  LINNET_CUDA_MATVEC(format, name, 1)   \
  LINNET_CUDA_MATVEC(format, name, 2)   \
  LINNET_CUDA_MATVEC(format, name, 4)   \
  LINNET_CUDA_MATVEC(format, name, 8)
LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#undef LINNET_CUDA_MATVEC

}  // namespace linnet::kernels::cuda
