#include "runtime/engine/workspace.h"

#include <algorithm>
#include <variant>

namespace linnet::engine {

WorkspaceShape WorkspaceShape::of(const models::Program& program, const BufferPlan& buffers, std::size_t rows,
                                  std::size_t threads) {
  WorkspaceShape shape{
      .rows = rows, .threads = threads, .buffer_numbers = buffers.size, .rotations = program.rotations.size()};
  for (const models::Step& step : program.steps) {
    if (const auto* product = std::get_if<models::MatMul>(&step.operation)) {
      const std::size_t width = program.buffers[static_cast<std::size_t>(product->in)].width;
      shape.quantised_columns = std::max(shape.quantised_columns, (width + 31) / 32 * 32);
    } else if (const auto* attend = std::get_if<models::Attend>(&step.operation)) {
      const auto& cache = std::get<models::KvCache>(program.states[static_cast<std::size_t>(attend->cache)]);
      const std::size_t heads = attend->heads / cache.kv_heads;
      shape.attention_heads = std::max(shape.attention_heads, heads);
      shape.attention_numbers = std::max(shape.attention_numbers, heads * cache.value_width);
    }
  }
  for (const models::Rotation& rotation : program.rotations) shape.rotation_pairs += rotation.dimensions / 2;
  return shape;
}

Workspace Workspace::take(Arena& arena, const WorkspaceShape& shape) {
  Workspace workspace;
  workspace.buffers = arena.take<float>(shape.buffer_numbers);
  workspace.quantised = take_quantised(arena, shape);
  workspace.rotations = take_rotations(arena, shape);
  workspace.blocks = arena.take<RowBlock>(shape.rows);
  workspace.threads = arena.take<ThreadScratch>(shape.threads);
  for (ThreadScratch& thread : workspace.threads) thread = take_thread(arena, shape);
  return workspace;
}

}  // namespace linnet::engine
