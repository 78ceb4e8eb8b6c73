// Prompts: many rows times a matrix on the tensor cores, with f16 operands and f32 sums.
//
// A block of threads computes 128 rows x 128 outputs, 64 columns at a time, in two turns of shared memory: while one is
// multiplied, the next activations are copied and the next weights fetched, which become f16 on their way. So a
// weight is widened once for 128 rows. Int8 products would need a conversion and two roundings a block of 32 and
// output: on current GPUs that costs more than the narrower operands gain.
#include "kernels/cuda/gemm_weights.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"

namespace linnet::kernels::cuda {

inline constexpr std::uint32_t kGemmTileBytes = kGemmRows * kGemmDepth * 2;
static_assert(kGemmRows == kGemmOutputs && kGemmShared == 4 * kGemmTileBytes);

// A warp's share of the product: 64 rows x 32 outputs; warps lie 2 x 4.
struct GemmSums {
  float sum[4][4][4];  // [16 rows][8 outputs][PTX's four]

  LINNET_DEVICE static std::uint32_t first_row() { return warp_index() / 4 * 64; }
  LINNET_DEVICE static std::uint32_t first_output() { return warp_index() % 4 * 32; }

  LINNET_DEVICE void add(const std::byte* rows, const std::byte* weights) {
    LINNET_UNROLL
    for (std::uint32_t piece = 0; piece < kGemmDepth / 8; piece += 2) {
      Words4 left[4];
      Words4 right[2];
      LINNET_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) left[i] = GemmTile::left(rows, first_row() + 16 * i, piece);
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < 2; ++j) right[j] = GemmTile::right(weights, first_output() + 16 * j, piece);
      LINNET_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) {
        LINNET_UNROLL
        for (std::uint32_t j = 0; j < 4; ++j) {
          multiply_add(sum[i][j], left[i], right[j / 2].word[j % 2 * 2], right[j / 2].word[j % 2 * 2 + 1]);
        }
      }
    }
  }

  LINNET_DEVICE void put(const GemmParameters& p, const Tile& tile) const {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      LINNET_UNROLL
      for (std::uint32_t half = 0; half < 2; ++half) {
        const std::uint32_t row = block_x() * kGemmRows + first_row() + 16 * i + 8 * half + lane_index() / 4;
        if (row >= p.rows) continue;
        const float scale = p.in_scales[row];
        LINNET_UNROLL
        for (std::uint32_t j = 0; j < 8; ++j) {
          const std::uint32_t output =
              tile.number * kGemmOutputs + first_output() + 8 * (j / 2) + lane_index() % 4 * 2 + j % 2;
          if (output >= tile.projection.rows) continue;
          put_output(tile.projection, row, output, product(sum[i][j / 2][2 * half + j % 2], scale));
        }
      }
    }
  }
};

// Starts copying 64 columns of the block's 128 rows.
LINNET_DEVICE void copy_rows(const GemmParameters& p, std::uint32_t step, std::uint32_t steps, std::byte* tile) {
  LINNET_UNROLL
  for (std::uint32_t i = 0; i < kGemmRows * 8 / kGemmThreads; ++i) {
    const std::uint32_t row = thread_index() / 8 + i * (kGemmThreads / 8);
    const std::uint32_t piece = thread_index() % 8;
    const std::uint32_t from = block_x() * kGemmRows + row;
    const bool exists = from < p.rows;
    const std::size_t at = (static_cast<std::size_t>(exists ? from : 0) * steps + step) * kGemmDepth + piece * 8;
    copy_async(tile + GemmTile::at(row, piece), reinterpret_cast<const std::byte*>(p.in + at), !exists);
  }
  close_copies();
}

template <class Share>
LINNET_DEVICE void gemm(const GemmParameters& p, std::byte* shared) {
  let_successor_start();
  const Tile tile = tile_of(p, block_y(), kGemmOutputs);
  const std::uint32_t steps = (p.columns + kGemmDepth - 1) / kGemmDepth;
  Share share;
  share.place(tile.projection, tile.number, p.columns);
  share.fetch(0);
  wait_for_predecessor();
  copy_rows(p, 0, steps, shared);
  share.put(shared + kGemmTileBytes);
  wait_for_copies<0>();
  synchronise();
  GemmSums sums{};
  for (std::uint32_t step = 0; step < steps; ++step) {
    std::byte* const now = shared + step % 2 * (2 * kGemmTileBytes);
    std::byte* const next = shared + (step + 1) % 2 * (2 * kGemmTileBytes);
    if (step + 1 < steps) {
      copy_rows(p, step + 1, steps, next);
      share.fetch(step + 1);
    }
    sums.add(now, now + kGemmTileBytes);
    if (step + 1 < steps) share.put(next + kGemmTileBytes);
    wait_for_copies<0>();
    synchronise();
  }
  sums.put(p, tile);
}

#define LINNET_CUDA_GEMM(share, format, name)                                             \
  LINNET_KERNEL_BLOCKS(kGemmThreads, 2) linnet_cuda_gemm_##name(const GemmParameters p) { \
    LINNET_DYNAMIC_SHARED(shared);                                                        \
    gemm<share<Format::k##format>>(p, shared);                                            \
  }
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_GEMM(PanelShare, format, name)
LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_GEMM(FloatShare, format, name)
LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#undef LINNET_CUDA_GEMM

}  // namespace linnet::kernels::cuda
