// The memory of the executor: activations and scratch, measured for the plan and taken from the arena by the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/attention/attention.h"
#include "kernels/quantize/quantize.h"
#include "models/program.h"
#include "runtime/base/arena.h"
#include "runtime/engine/buffer_plan.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/weights.h"

namespace linnet::engine {

// Stands where an Arena will stand and counts what would be taken, so that plan and taking cannot disagree.
class Measure {
 public:
  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    bytes_ += Arena::footprint(count * sizeof(T));
    return {};
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// Consecutive positions of one sequence in consecutive rows: what one attention call takes.
struct RowBlock {
  std::uint32_t first_row = 0;
  std::uint32_t rows = 0;
  SequenceId sequence{};
  std::uint32_t first_position = 0;
};

// Groups of 16 outputs that one chunk of a product takes: enough chunks that cores of unequal speed end together, each
// large enough (8 groups of 1,536 columns in Q4_0 are 110 KB) that taking it costs nothing.
[[nodiscard]] std::size_t groups_a_chunk(std::size_t groups, std::size_t threads);

// The most that groups_a_chunk gives.
inline constexpr std::size_t kMostGroupsAChunk = 8;

// Groups of 16 outputs of all projections of a product; of one with several matrices, those of one of them.
[[nodiscard]] std::size_t product_groups(std::span<const models::Projection> projections, const Weights& weights);

// How a product's input is rounded for its matrices in panels, all of which take it so.
struct InputRounding {
  std::size_t joined = 0;  // Blocks under one scale, the most that a matrix wants; 0: none wants its input rounded.
  std::size_t terms = 1;   // Int8 numbers a number.
};

// `terms` are what the program says. Where a matrix joins blocks, which gives precision for speed, there is one.
[[nodiscard]] InputRounding input_rounding(std::span<const models::Projection> projections, std::size_t terms,
                                           const Weights& weights);

// Query heads of one KV head that one attention call takes, at most: the rest are shared out over threads.
inline constexpr std::size_t kAttentionHeads = 16;

// Rows of a step, threads, and positions of a sequence.
struct WorkspaceCounts {
  std::size_t rows = 0;
  std::size_t threads = 0;
  std::size_t context = 0;
};

// The counts that everything in the workspace follows from.
struct WorkspaceShape {
  static constexpr std::size_t kAttentionRows = 16;  // Rows of a RowBlock at most.

  std::size_t rows = 0;
  std::size_t threads = 0;
  std::size_t buffer_numbers = 0;     // Activations and, behind them, logits.
  std::size_t tile_width = 0;         // The widest chunk of a product that is put together aside, times its terms.
  std::size_t quantised_columns = 0;  // The widest input of a product with a quantised matrix, times its terms.
  std::size_t attention_heads = 0;    // Most query heads a KV head.
  std::size_t attention_numbers = 0;  // Most query heads a KV head x value width.
  std::size_t attention_pages = 0;    // Most pages that a position sees.
  std::size_t rotation_pairs = 0;     // Of all rotations together.
  std::size_t parts_a_row = 0;        // Most experts that a row chooses, or heads with a matrix each.
  std::size_t most_matrices = 0;      // Most experts or such heads of one weight.

  [[nodiscard]] static WorkspaceShape of(const models::Program& program, const Weights& weights,
                                         const BufferPlan& buffers, const WorkspaceCounts& counts);

  // Fewer chunks than these are shared out page by page: two a thread, so that unequal threads end together.
  [[nodiscard]] std::size_t chunks_by_pages() const { return threads > 1 && attention_pages > 1 ? 2 * threads - 1 : 0; }
};

// Scratch of one thread.
struct ThreadScratch {
  std::span<float> tile;     // [rows, tile_width]: products before they are added.
  std::span<float> maximum;  // [kAttentionRows * heads], as are the next three.
  std::span<float> sum;
  std::span<float> next_maximum;
  std::span<float> next_sum;
  std::span<float> next_out;  // [kAttentionRows * heads * value_width]
};

// Parts of pages that were computed apart, of one row each, until they are merged.
struct PagePartScratch {
  std::size_t chunks = 0;    // That there is room for, each with all pages that a position sees.
  std::span<float> maximum;  // [chunks * pages * heads], as is the next.
  std::span<float> sum;
  std::span<float> out;  // [chunks * pages * heads * value_width]

  [[nodiscard]] kernels::AttentionPart part(std::size_t number, std::size_t heads, std::size_t value_width) const {
    const std::size_t at = number * heads;
    return {maximum.data() + at, sum.data() + at, out.data() + at * value_width, heads * value_width};
  }
};

struct QuantisedScratch {
  std::span<std::int8_t> values;  // [rows * columns], as kernels::q8_place says
  std::span<float> scales;        // [rows * columns / 32]
  std::span<std::int32_t> sums;   // [rows * columns / 32]

  [[nodiscard]] kernels::Q8Row from(std::size_t block) const {
    return {values.data() + block * kernels::kActivationBlock, scales.data() + block, sums.data() + block, 1};
  }
};

// The parts of a step's rows, sorted by the matrix that multiplies them.
struct GroupScratch {
  std::span<std::uint32_t> parts;   // [rows * parts_a_row]: row * parts + part, matrix by matrix, ascending
  std::span<std::uint32_t> starts;  // [most_matrices + 1]: of each matrix's parts; the last is the end
};

struct RotationTables {
  std::span<double> frequencies;  // [pairs of all rotations]
  std::span<float> cosines;       // [rows, pairs] a rotation, one rotation behind the other
  std::span<float> sines;
};

template <class Source>
[[nodiscard]] QuantisedScratch take_quantised(Source& source, const WorkspaceShape& shape) {
  const std::size_t numbers = shape.rows * shape.quantised_columns;
  return {.values = source.template take<std::int8_t>(numbers),
          .scales = source.template take<float>(numbers / 32),
          .sums = source.template take<std::int32_t>(numbers / 32)};
}

template <class Source>
[[nodiscard]] ThreadScratch take_thread(Source& source, const WorkspaceShape& shape) {
  const std::size_t parts = WorkspaceShape::kAttentionRows * shape.attention_heads;
  return {.tile = source.template take<float>(shape.rows * shape.tile_width),
          .maximum = source.template take<float>(parts),
          .sum = source.template take<float>(parts),
          .next_maximum = source.template take<float>(parts),
          .next_sum = source.template take<float>(parts),
          .next_out = source.template take<float>(WorkspaceShape::kAttentionRows * shape.attention_numbers)};
}

template <class Source>
[[nodiscard]] PagePartScratch take_page_parts(Source& source, const WorkspaceShape& shape) {
  const std::size_t parts = shape.chunks_by_pages() * shape.attention_pages;
  return {.chunks = shape.chunks_by_pages(),
          .maximum = source.template take<float>(parts * shape.attention_heads),
          .sum = source.template take<float>(parts * shape.attention_heads),
          .out = source.template take<float>(parts * shape.attention_numbers)};
}

template <class Source>
[[nodiscard]] GroupScratch take_groups(Source& source, const WorkspaceShape& shape) {
  return {.parts = source.template take<std::uint32_t>(shape.rows * shape.parts_a_row),
          .starts = source.template take<std::uint32_t>(shape.most_matrices + 1)};
}

template <class Source>
[[nodiscard]] RotationTables take_rotations(Source& source, const WorkspaceShape& shape) {
  return {.frequencies = source.template take<double>(shape.rotation_pairs),
          .cosines = source.template take<float>(shape.rows * shape.rotation_pairs),
          .sines = source.template take<float>(shape.rows * shape.rotation_pairs)};
}

// Everything the executor writes to, beside the KV cache.
struct Workspace {
  std::span<float> buffers;
  QuantisedScratch quantised;
  std::span<ThreadScratch> threads;
  PagePartScratch page_parts;
  GroupScratch groups;
  RotationTables rotations;
  std::span<RowBlock> blocks;  // [rows]

  [[nodiscard]] static Workspace take(Arena& arena, const WorkspaceShape& shape);
};

}  // namespace linnet::engine
