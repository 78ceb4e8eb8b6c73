// Prompts: many rows times a matrix on the tensor cores, with f16 operands and f32 sums.
//
// A block of threads computes 128 rows x 128 outputs, 64 columns at a time, in two turns of shared memory: while one is
// multiplied, the next activations are copied and the next weights fetched, which become f16 on their way. So a
// weight is widened once for 128 rows. Matrices of floats have this alone; panels are multiplied in int8 unless
// LINNET_CUDA_PROMPTS=f16 asks for this (gemm_int8.cu).
#include "kernels/cuda/gemm_sums.h"
#include "kernels/cuda/gemm_weights.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"

namespace linnet::kernels::cuda {

inline constexpr std::uint32_t kGemmTileBytes = kGemmRows * kGemmDepth * 2;
static_assert(kGemmRows == kGemmOutputs && kGemmShared == 4 * kGemmTileBytes);

struct GemmSums : WarpSums {
  // From GemmTile::left_start and right_start.
  LINNET_DEVICE void add(SharedAddress rows, SharedAddress weights) {
    LINNET_UNROLL
    for (std::uint32_t piece = 0; piece < kGemmDepth / 8; piece += 2) {
      Words4 left[4];
      Words4 right[2];
      LINNET_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) left[i] = GemmTile::load(rows, i, piece);
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < 2; ++j) right[j] = GemmTile::load(weights, j, piece);
      LINNET_UNROLL
      for (std::uint32_t i = 0; i < 4; ++i) {
        LINNET_UNROLL
        for (std::uint32_t j = 0; j < 4; ++j) {
          multiply_add(sum[i][j], left[i], right[j / 2].word[j % 2 * 2], right[j / 2].word[j % 2 * 2 + 1]);
        }
      }
    }
  }
};

// The thread's share of the block's activations: a piece of every 32nd row.
class RowCopies {
  static constexpr std::uint32_t kRowStep = kGemmThreads / 8;

 public:
  LINNET_DEVICE RowCopies(const GemmParameters& p, std::uint32_t steps, SharedAddress tile)
      : to_(tile + GemmTile::at(thread_index() / 8, thread_index() % 8)), row_size_(steps * (kGemmDepth * 2)) {
    const std::uint32_t first = block_x() * kGemmRows + thread_index() / 8;
    rows_ = first < p.rows ? p.rows - first : 0;
    from_ = reinterpret_cast<const std::byte*>(p.in) + thread_index() % 8 * 16;
    if (rows_ != 0) from_ += static_cast<std::size_t>(first) * row_size_;
  }

  // Starts copying the next 64 columns; rows that do not exist become zeros. A row 32 further has its pieces in the
  // same order.
  LINNET_DEVICE void start(std::uint32_t offset) {
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < kGemmRows / kRowStep; ++i) {
      const bool exists = i * kRowStep < rows_;
      const std::size_t ahead = exists ? static_cast<std::size_t>(i * kRowStep) * row_size_ : 0;
      copy_async(to_ + offset + i * kRowStep * (kGemmDepth * 2), from_ + ahead, !exists);
    }
    close_copies();
    from_ += kGemmDepth * 2;
  }

 private:
  SharedAddress to_;
  const std::byte* from_;
  std::uint32_t row_size_;
  std::uint32_t rows_;
};

// Activations, then weights, and all of it twice.
template <class Share>
LINNET_DEVICE void gemm(const GemmParameters& p, SharedAddress shared) {
  constexpr std::uint32_t kTurn = 2 * kGemmTileBytes;
  let_successor_start();
  const Tile tile = tile_of(p, block_y(), kGemmOutputs);
  const std::uint32_t steps = (p.columns + kGemmDepth - 1) / kGemmDepth;
  Share share;
  share.place(tile.projection, tile.number, p.columns, shared + kGemmTileBytes);
  share.fetch(0);
  wait_for_predecessor();
  RowCopies copies(p, steps, shared);
  copies.start(0);
  share.put(0);
  wait_for_copies<0>();
  synchronise();
  GemmSums sums{};
  const SharedAddress rows = GemmTile::left_start(shared, GemmSums::first_row());
  const SharedAddress weights = GemmTile::right_start(shared + kGemmTileBytes, GemmSums::first_output());
  std::uint32_t now = 0;
  for (std::uint32_t step = 0; step < steps; ++step) {
    const bool more = step + 1 < steps;
    if (more) {
      copies.start(kTurn - now);
      share.fetch(step + 1);
    }
    sums.add(rows + now, weights + now);
    now = kTurn - now;
    if (more) share.put(now);
    wait_for_copies<0>();
    synchronise();
  }
  sums.put(tile, p.rows, [&](std::uint32_t row) { return p.in_scales[row]; });
}

#define LINNET_CUDA_GEMM(share, format, name)                                             \
  LINNET_KERNEL_BLOCKS(kGemmThreads, 2) linnet_cuda_gemm_##name(const GemmParameters p) { \
    LINNET_DYNAMIC_SHARED(shared);                                                        \
    gemm<share<Format::k##format>>(p, shared_address(shared));                            \
  }
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_GEMM(PanelShare, format, name)
LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#define LINNET_CUDA_ENTRY(format, name) LINNET_CUDA_GEMM(FloatShare, format, name)
LINNET_CUDA_FLOAT_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY
#undef LINNET_CUDA_GEMM

}  // namespace linnet::kernels::cuda
