// Attention of a step: in parts of the context for few rows, in tiles of rows on tensor cores for many.
#include <variant>

#include "runtime/engine/cuda/step_launcher.h"

namespace linnet::engine::cuda {
namespace {

namespace gpu = kernels::cuda;

// As KvCache lays a page out.
gpu::KvPlace place_of(const models::KvCache& state, std::uint16_t* numbers, const CacheShape& cache) {
  const std::size_t key_row = kernels::cache_row_numbers(cache.format, state.key_width);
  return {.numbers = numbers,
          .page = page_numbers(state, cache.format),
          .key_row = static_cast<std::uint32_t>(key_row),
          .value_row = static_cast<std::uint32_t>(kernels::cache_row_numbers(cache.format, state.value_width)),
          .values = static_cast<std::uint32_t>(state.kv_heads * kPagePositions * key_row),
          .ring = static_cast<std::uint32_t>(ring_pages(state, cache)),
          .is_q8 = cache.format == kernels::CacheFormat::kQ8 ? 1U : 0U};
}

}  // namespace

Result<void> StepLauncher::emit(const models::Attend& op) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const gpu::KvPlace place = place_of(state, parts_.map.states[static_cast<std::size_t>(op.cache)], parts_.setup.cache);
  const Rows keys = rows_of(op.key);
  const Rows values = rows_of(*op.value);
  gpu::AttendShape shape = attend_shape(op, state);
  LINNET_CHECK(start(gpu::kv_store_kernel(place), gpu::KvStoreParameters{.step = parts_.inputs.rows(),
                                                                         .place = place,
                                                                         .keys = keys.data,
                                                                         .values = values.data,
                                                                         .key_stride = keys.stride,
                                                                         .value_stride = values.stride,
                                                                         .rows = shape_.rows,
                                                                         .kv_heads = shape.kv_heads,
                                                                         .key_width = shape.key_width,
                                                                         .value_width = shape.value_width}));
  const Rows queries = rows_of(op.query);
  shape.queries = queries.data;
  shape.query_stride = queries.stride;
  const bool in_tiles = shape_.rows > gpu::kMatVecRows && shape_.tiles < shape_.rows && gpu::attend_tiles_serve(shape);
  return in_tiles ? attend_in_tiles(op, shape, place) : attend_in_parts(op, shape, place);
}

Result<void> StepLauncher::attend_in_tiles(const models::Attend& op, const gpu::AttendShape& shape,
                                           const gpu::KvPlace& place) {
  const Rows out = rows_of(op.out);
  return start(gpu::attend_tiles_kernel(place, shape), gpu::AttendTilesParameters{.step = parts_.inputs.rows(),
                                                                                  .place = place,
                                                                                  .shape = shape,
                                                                                  .tiles = parts_.inputs.tiles(),
                                                                                  .out = out.data,
                                                                                  .out_stride = out.stride,
                                                                                  .tile_count = shape_.tiles});
}

Result<void> StepLauncher::attend_in_parts(const models::Attend& op, const gpu::AttendShape& shape,
                                           const gpu::KvPlace& place) {
  const std::uint32_t parts = attention_parts(parts_.setup.options.context, shape.kv_heads, shape_.rows);
  LINNET_CHECK(start(gpu::attend_parts_kernel(place), gpu::AttendPartsParameters{.step = parts_.inputs.rows(),
                                                                                 .place = place,
                                                                                 .shape = shape,
                                                                                 .maxima = parts_.map.part_maxima,
                                                                                 .sums = parts_.map.part_sums,
                                                                                 .out = parts_.map.part_out,
                                                                                 .rows = shape_.rows,
                                                                                 .parts = parts}));
  const Rows out = rows_of(op.out);
  const gpu::Q8Rows quantised = quantised_for_next(op.out);
  will_be_quantised_ = quantised.values != nullptr;
  return start(gpu::Kernel::kAttendMerge, gpu::AttendMergeParameters{.step = parts_.inputs.rows(),
                                                                     .maxima = parts_.map.part_maxima,
                                                                     .sums = parts_.map.part_sums,
                                                                     .part_out = parts_.map.part_out,
                                                                     .out = out.data,
                                                                     .quantised = quantised,
                                                                     .out_stride = out.stride,
                                                                     .rows = shape_.rows,
                                                                     .parts = parts,
                                                                     .heads = shape.heads,
                                                                     .value_width = shape.value_width,
                                                                     .window = shape.window});
}

}  // namespace linnet::engine::cuda
