#include "runtime/engine/cuda/device_map.h"

#include <algorithm>
#include <variant>

namespace linnet::engine::cuda {
namespace {

namespace gpu = kernels::cuda;

void include(DeviceShape& shape, const models::MatMul& product, const Setup& setup) {
  const std::size_t width = setup.program.buffers[static_cast<std::size_t>(product.in)].width;
  for (const models::Projection& projection : product.projections) {
    const bool in_panels = setup.weights.view(projection.weight).quantised();
    if (in_panels) shape.quantised_columns = std::max(shape.quantised_columns, product.terms * width);
    if (in_panels && !setup.options.cuda.half_prompts) continue;
    const std::size_t halves = gpu::padded_columns(static_cast<std::uint32_t>(width));
    shape.half_columns = std::max(shape.half_columns, halves);
  }
}

void include(DeviceShape& shape, const models::Attend& attend, const Setup& setup) {
  const auto& cache = std::get<models::KvCache>(setup.program.states[static_cast<std::size_t>(attend.cache)]);
  const std::size_t full = attention_parts(setup.options.context, cache.kv_heads, 1);
  const std::size_t parts = std::max(gpu::kMatVecRows * full, shape.rows) * attend.heads;
  shape.attention_parts = std::max(shape.attention_parts, parts);
  shape.attention_numbers = std::max(shape.attention_numbers, parts * cache.value_width);
}

}  // namespace

std::uint32_t attention_parts(std::size_t context, std::size_t kv_heads, std::size_t rows) {
  const auto full = gpu::attend_part_count(static_cast<std::uint32_t>(context), static_cast<std::uint32_t>(kv_heads));
  if (rows <= gpu::kMatVecRows) return full;
  return std::max<std::uint32_t>(1, gpu::kMatVecRows * full / static_cast<std::uint32_t>(rows));
}

DeviceShape DeviceShape::of(const Setup& setup) {
  DeviceShape shape{.rows = setup.options.max_batch_rows, .buffer_numbers = setup.buffers.size};
  for (const models::Step& step : setup.program.steps) {
    if (const auto* product = std::get_if<models::MatMul>(&step.operation)) include(shape, *product, setup);
    if (const auto* attend = std::get_if<models::Attend>(&step.operation)) include(shape, *attend, setup);
  }
  for (const models::Rotation& rotation : setup.program.rotations) shape.rotation_pairs += rotation.dimensions / 2;
  shape.input_bytes = InputLayout::of(setup).bytes;
  shape.quantised_rows = gpu::kMatVecRows;
  if (!setup.options.cuda.half_prompts) shape.quantised_rows = std::max(shape.quantised_rows, shape.rows);
  return shape;
}

}  // namespace linnet::engine::cuda
