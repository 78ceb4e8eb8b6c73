#include "runtime/engine/workspace.h"

#include <algorithm>
#include <variant>

namespace linnet::engine {

namespace {

using kernels::kPanelRows;

void include(WorkspaceShape& shape, const models::MatMul& product, const models::Program& program,
             const Weights& weights) {
  const std::size_t width = program.buffers[static_cast<std::size_t>(product.in)].width;
  const std::size_t groups = product_groups(product.projections, weights);
  const InputRounding rounding = input_rounding(product.projections, product.terms, weights);
  for (const models::Projection& projection : product.projections) {
    const bool quantised = weights.view(projection.weight).quantised();
    const std::size_t terms = quantised ? rounding.terms : 1;
    if (quantised) shape.quantised_columns = std::max(shape.quantised_columns, terms * width);
    if (projection.accumulate || terms > 1) {
      shape.tile_width = std::max(shape.tile_width, terms * groups_a_chunk(groups, shape.threads) * kPanelRows);
    }
  }
}

// A product of `parts` of each row, each with its own matrix.
void include_grouped(WorkspaceShape& shape, const models::Projection& projection, std::size_t parts,
                     const Weights& weights) {
  const WeightView& matrices = weights.view(projection.weight);
  if (matrices.quantised()) shape.quantised_columns = std::max(shape.quantised_columns, parts * matrices.columns);
  shape.tile_width = std::max(shape.tile_width, kMostGroupsAChunk * kPanelRows);
  shape.parts_a_row = std::max(shape.parts_a_row, parts);
  shape.most_matrices = std::max(shape.most_matrices, matrices.groups);
}

void include(WorkspaceShape& shape, const models::Attend& attend, const models::Program& program, std::size_t context) {
  const auto& cache = std::get<models::KvCache>(program.states[static_cast<std::size_t>(attend.cache)]);
  const std::size_t heads = std::min(attend.heads / cache.kv_heads, kAttentionHeads);
  shape.attention_heads = std::max(shape.attention_heads, heads);
  shape.attention_numbers = std::max(shape.attention_numbers, heads * cache.value_width);
  // A window may begin and end inside pages.
  const std::size_t pages = (context + kernels::kPagePositions - 1) / kernels::kPagePositions;
  const std::size_t in_window = cache.window == 0 ? pages : (cache.window - 1) / kernels::kPagePositions + 2;
  shape.attention_pages = std::max(shape.attention_pages, std::min(pages, in_window));
}

}  // namespace

std::size_t groups_a_chunk(std::size_t groups, std::size_t threads) {
  constexpr std::size_t kChunksPerThread = 8;
  return std::clamp<std::size_t>(groups / (threads * kChunksPerThread), 1, kMostGroupsAChunk);
}

std::size_t product_groups(std::span<const models::Projection> projections, const Weights& weights) {
  std::size_t groups = 0;
  for (const models::Projection& projection : projections) {
    groups += (weights.view(projection.weight).rows + kPanelRows - 1) / kPanelRows;
  }
  return groups;
}

InputRounding input_rounding(std::span<const models::Projection> projections, std::size_t terms,
                             const Weights& weights) {
  std::size_t joined = 0;
  for (const models::Projection& projection : projections) {
    const WeightView& matrix = weights.view(projection.weight);
    if (matrix.quantised()) joined = std::max(joined, kernels::info(matrix.format).joined);
  }
  return {joined, joined > 1 ? 1 : terms};
}

WorkspaceShape WorkspaceShape::of(const models::Program& program, const Weights& weights, const BufferPlan& buffers,
                                  const WorkspaceCounts& counts) {
  WorkspaceShape shape{.rows = counts.rows, .threads = counts.threads, .buffer_numbers = buffers.size};
  for (const models::Step& step : program.steps) {
    if (const auto* product = std::get_if<models::MatMul>(&step.operation)) include(shape, *product, program, weights);
    if (const auto* experts = std::get_if<models::ExpertMatMul>(&step.operation)) {
      const std::size_t chosen = program.buffers[static_cast<std::size_t>(experts->experts)].width;
      for (const auto& projection : experts->projections) include_grouped(shape, projection, chosen, weights);
    }
    if (const auto* heads = std::get_if<models::HeadMatMul>(&step.operation)) {
      include_grouped(shape, heads->projection, weights.view(heads->projection.weight).groups, weights);
    }
    if (const auto* attend = std::get_if<models::Attend>(&step.operation))
      include(shape, *attend, program, counts.context);
  }
  for (const models::Rotation& rotation : program.rotations) shape.rotation_pairs += rotation.dimensions / 2;
  return shape;
}

Workspace Workspace::take(Arena& arena, const WorkspaceShape& shape) {
  Workspace workspace;
  workspace.buffers = arena.take<float>(shape.buffer_numbers);
  workspace.quantised = take_quantised(arena, shape);
  if (shape.parts_a_row != 0) workspace.groups = take_groups(arena, shape);
  workspace.rotations = take_rotations(arena, shape);
  workspace.blocks = arena.take<RowBlock>(shape.rows);
  workspace.threads = arena.take<ThreadScratch>(shape.threads);
  if (shape.chunks_by_pages() != 0) workspace.page_parts = take_page_parts(arena, shape);
  for (ThreadScratch& thread : workspace.threads) thread = take_thread(arena, shape);
  return workspace;
}

}  // namespace linnet::engine
