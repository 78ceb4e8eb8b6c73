// Prompts: many rows times panels on the tensor cores, in int8 as the contract says: the products of 32 columns are
// exact, and only sums of floats are rounded, so that a prompt differs from the CPU's by no more than decoding does.
//
// A block of threads computes 128 rows x 128 outputs, 64 columns at a time, in two turns of shared memory, as gemm.cu
// does. Tensor cores give a whole number for each block of 32 columns, row and output, which then becomes a float,
// is scaled twice and added: two instructions. The first makes use of a sum that starts at 1.5 * 2^23: its bits are
// those of a float with that sum's value, so one fused product with the weights' scale, less 1.5 * 2^23 times that
// scale (exact: a scale has at most 19 bits), is the scaled sum, rounded once.
#include "kernels/cuda/gemm_codes.h"
#include "kernels/cuda/gemm_sums.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/projections.h"

namespace linnet::kernels::cuda {

// The thread's share of the block's activations: a piece of two rows, and one scale. Places are counted from the first
// number, in 32 bits: registers are what this kernel has least of.
class ByteRowCopies {
  static constexpr std::uint32_t kRowStep = kGemmThreads / 4;
  static constexpr std::uint32_t kNowhere = 0xFFFFFFFFU;
  static_assert(2 * kRowStep == kGemmRows && kGemmThreads == kGemmRows * CodeRoom::kBlocks);

 public:
  LINNET_DEVICE ByteRowCopies(const PanelGemmParameters& p, SharedAddress to)
      : to_(to + CodeTile::at(thread_index() / 4, thread_index() % 4)) {
    const std::uint32_t first = block_x() * kGemmRows;
    const std::uint32_t row = first + thread_index() / 4;
    rows_ = row < p.rows ? p.rows - row : 0;
    number_ = row * p.in.terms * p.columns + piece() * 16;
    const std::uint32_t scale_row = thread_index() / CodeRoom::kBlocks;
    const bool exists = first + scale_row < p.rows;
    scale_place_ = exists ? (first + scale_row) * p.in.terms * (p.columns / 32) + scale_block() : kNowhere;
    // Rows 8 apart lie side by side: a lane needs both.
    scale_to_ = to + CodeRoom::kRowScales + scale_block() * (kGemmRows * 4) +
                (scale_row / 16 * 16 + scale_row % 8 * 2 + scale_row / 8 % 2) * 4;
  }

  // Starts copying 64 columns of a term of the rows, and fetches their scales; what does not exist becomes zeros.
  LINNET_DEVICE void start(const PanelGemmParameters& p, std::uint32_t term, std::uint32_t step, std::uint32_t offset) {
    const bool column_exists = step * kGemmDepth + piece() * 16 < p.columns;
    const auto* const values = reinterpret_cast<const std::byte*>(p.in.values) + term * p.columns + step * kGemmDepth;
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 2; ++i) {
      const bool exists = column_exists && i * kRowStep < rows_;
      const std::uint32_t number = exists ? number_ + i * kRowStep * p.in.terms * p.columns : 0;
      copy_async(to_ + offset + i * kRowStep * kGemmDepth, values + number, !exists);
    }
    close_copies();
    const std::uint32_t blocks = p.columns / 32;
    const std::uint32_t block = step * CodeRoom::kBlocks;
    const bool exists = scale_place_ != kNowhere && block + scale_block() < blocks;
    scale_ = exists ? (p.in.scales + term * blocks + block)[scale_place_] : 0.0F;
  }

  LINNET_DEVICE void put_scale(std::uint32_t offset) const { store_shared(scale_to_ + offset, bits_of(scale_)); }

 private:
  LINNET_DEVICE static std::uint32_t piece() { return thread_index() % 4; }
  LINNET_DEVICE static std::uint32_t scale_block() { return thread_index() % CodeRoom::kBlocks; }

  SharedAddress to_;
  SharedAddress scale_to_;
  std::uint32_t number_;
  std::uint32_t scale_place_;
  std::uint32_t rows_;
  float scale_;
};

// Two outputs' numbers, or two rows', side by side in shared memory.
struct FloatPair {
  float of[2];

  LINNET_DEVICE static FloatPair load(SharedAddress from) {
    const Words2 words = load_shared2(from);
    return {{float_of(words.word[0]), float_of(words.word[1])}};
  }
};

template <Format kFormat>
class ByteSums {
  static constexpr std::int32_t kStart = 0x4B400000;  // The bits of the float 1.5 * 2^23.
  static constexpr float kStartValue = 0x1.8p23F;
  static constexpr bool kMinima = kForm<kFormat>.minima;
  static constexpr std::uint32_t kScales = LanePart<kFormat>::kScales;

 public:
  // `turn`: where this turn of shared memory starts.
  LINNET_DEVICE void add(SharedAddress turn) {
    LINNET_UNROLL
    for (std::uint32_t block = 0; block < CodeRoom::kBlocks; ++block) add_block(turn, block);
  }

  LINNET_DEVICE void put(const PanelGemmParameters& p, const Tile& tile) const {
    sums_.put(tile, p.rows, [](std::uint32_t) { return 1.0F; });
  }

 private:
  // What outputs 8 j and the next seven need of a block: two a lane.
  struct OutputNumbers {
    FloatPair scale[kScales];
    FloatPair start[kScales];
    FloatPair minimum;

    LINNET_DEVICE void load(SharedAddress from) {
      LINNET_UNROLL
      for (std::uint32_t s = 0; s < kScales; ++s) {
        scale[s] = FloatPair::load(from + CodeRoom::kScales + s * CodeRoom::kNumbers);
        LINNET_UNROLL
        for (std::uint32_t e = 0; e < 2; ++e) start[s].of[e] = product(scale[s].of[e], -kStartValue);
      }
      if constexpr (kMinima) minimum = FloatPair::load(from + CodeRoom::kSecond);
    }
  };
  // What 16 rows need of a block: two a lane. A minimum counts with the sum of the row's activations, which is their
  // product with ones.
  struct RowNumbers {
    Words4 codes;
    FloatPair scale;
    FloatPair total;

    LINNET_DEVICE void load(const Words4& of_rows, SharedAddress from) {
      codes = of_rows;
      scale = FloatPair::load(from);
      if constexpr (!kMinima) return;
      std::int32_t totals[4];
      multiply_bytes(totals, codes, 0x01010101U, 0x01010101U, 0);
      LINNET_UNROLL
      for (std::uint32_t h = 0; h < 2; ++h) total.of[h] = product(static_cast<float>(totals[2 * h]), scale.of[h]);
    }
  };

  LINNET_DEVICE void add_block(SharedAddress turn, std::uint32_t block) {
    const SharedAddress rows = CodeTile::left_start(turn, WarpSums::first_row());
    const SharedAddress codes = CodeTile::right_start(turn + CodeRoom::kCodes, WarpSums::first_output());
    const SharedAddress numbers = turn + block * (kGemmRows * 4);
    const SharedAddress of_rows = numbers + CodeRoom::kRowScales + WarpSums::first_row() * 4 + lane_index() / 4 * 8;
    const SharedAddress of_outputs = numbers + WarpSums::first_output() * 4 + lane_index() % 4 * 8;
    Words4 right[2];
    LINNET_UNROLL
    for (std::uint32_t j = 0; j < 2; ++j) right[j] = CodeTile::load(codes, j, 2 * block);
    OutputNumbers outputs[4];
    LINNET_UNROLL
    for (std::uint32_t j = 0; j < 4; ++j) outputs[j].load(of_outputs + j * 32);
    LINNET_UNROLL
    for (std::uint32_t i = 0; i < 4; ++i) {
      RowNumbers left;
      left.load(CodeTile::load(rows, i, 2 * block), of_rows + i * 64);
      LINNET_UNROLL
      for (std::uint32_t j = 0; j < 4; ++j) add(sums_.sum[i][j], left, right[j / 2].word + j % 2 * 2, outputs[j]);
    }
  }

  LINNET_DEVICE static void add(float (&sum)[4], const RowNumbers& left, const std::uint32_t* right,
                                const OutputNumbers& outputs) {
    std::int32_t dots[kScales][4];
    if constexpr (kScales == 1) {
      multiply_bytes(dots[0], left.codes, right[0], right[1], kStart);
    } else {
      multiply_bytes(dots[0], left.codes.word[0], left.codes.word[1], right[0], kStart);
      multiply_bytes(dots[1], left.codes.word[2], left.codes.word[3], right[1], kStart);
    }
    LINNET_UNROLL
    for (std::uint32_t e = 0; e < 4; ++e) {
      LINNET_UNROLL
      for (std::uint32_t s = 0; s < kScales; ++s) {
        const float dot = float_of(static_cast<std::uint32_t>(dots[s][e]));
        sum[e] =
            fused(fused(dot, outputs.scale[s].of[e % 2], outputs.start[s].of[e % 2]), left.scale.of[e / 2], sum[e]);
      }
      if constexpr (kMinima) sum[e] = fused(left.total.of[e / 2], outputs.minimum.of[e % 2], sum[e]);
    }
  }

  WarpSums sums_{};
};

// All columns of the first term, then of the second.
template <Format kFormat>
LINNET_DEVICE void gemm_int8(const PanelGemmParameters& p, SharedAddress shared) {
  let_successor_start();
  const Tile tile = tile_of(p, block_y(), kGemmOutputs);
  const std::uint32_t steps = (p.columns + kGemmDepth - 1) / kGemmDepth;
  CodeShare<kFormat> share;
  share.place(tile.projection, tile.number, p.columns, shared);
  share.fetch(0);
  wait_for_predecessor();
  ByteRowCopies copies(p, shared);
  copies.start(p, 0, 0, 0);
  share.put(0);
  copies.put_scale(0);
  wait_for_copies<0>();
  synchronise();
  ByteSums<kFormat> sums;
  std::uint32_t now = 0;
  std::uint32_t step = 0;
  for (std::uint32_t term = 0; term < p.in.terms;) {
    if (++step == steps) {
      step = 0;
      ++term;
    }
    const bool more = term < p.in.terms;
    if (more) {
      copies.start(p, term, step, CodeRoom::kTurn - now);
      share.fetch(step);
    }
    sums.add(shared + now);
    now = CodeRoom::kTurn - now;
    if (more) {
      share.put(now);
      copies.put_scale(now);
    }
    wait_for_copies<0>();
    synchronise();
  }
  sums.put(p, tile);
}

#define LINNET_CUDA_ENTRY(format, name)                                                             \
  LINNET_KERNEL_BLOCKS(kGemmThreads, 2) linnet_cuda_gemm_int8_##name(const PanelGemmParameters p) { \
    LINNET_DYNAMIC_SHARED(shared);                                                                  \
    gemm_int8<Format::k##format>(p, shared_address(shared));                                        \
  }
LINNET_CUDA_PANEL_FORMATS(LINNET_CUDA_ENTRY)
#undef LINNET_CUDA_ENTRY

}  // namespace linnet::kernels::cuda
