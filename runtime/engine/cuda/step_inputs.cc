#include "runtime/engine/cuda/step_inputs.h"

#include <algorithm>
#include <cstring>
#include <variant>

namespace linnet::engine::cuda {
namespace {

namespace gpu = kernels::cuda;

constexpr std::size_t kArrayAlignment = 64;

// Calls use(attend, its state) for every attention of the program.
template <class Use>
void for_each_attend(const models::Program& program, Use use) {
  for (const models::Step& step : program.steps) {
    const auto* attend = std::get_if<models::Attend>(&step.operation);
    if (attend == nullptr) continue;
    use(*attend, std::get<models::KvCache>(program.states[static_cast<std::size_t>(attend->cache)]));
  }
}

}  // namespace

gpu::AttendShape attend_shape(const models::Attend& op, const models::KvCache& state) {
  return {.queries = nullptr,
          .query_stride = 0,
          .heads = static_cast<std::uint32_t>(op.heads),
          .kv_heads = static_cast<std::uint32_t>(state.kv_heads),
          .key_width = static_cast<std::uint32_t>(state.key_width),
          .value_width = static_cast<std::uint32_t>(state.value_width),
          .scale = op.scale,
          .window = static_cast<std::uint32_t>(state.window)};
}

bool mixes_masks(const models::Program& program) {
  bool causal = false;
  bool open = false;
  for_each_attend(program, [&](const models::Attend& op, const models::KvCache&) {
    (op.mask == models::Mask::kCausal ? causal : open) = true;
  });
  return causal && open;
}

InputLayout InputLayout::of(const Setup& setup) {
  InputLayout layout;
  const std::size_t rows = setup.options.max_batch_rows;
  const auto next = [&](std::size_t size) {
    const std::size_t start = layout.bytes;
    layout.bytes += (size + kArrayAlignment - 1) / kArrayAlignment * kArrayAlignment;
    return start;
  };
  layout.tokens = next(rows * sizeof(std::int32_t));
  layout.positions = next(rows * sizeof(std::uint32_t));
  layout.sequences = next(rows * sizeof(std::uint32_t));
  layout.sees = next(rows * sizeof(std::uint32_t));
  layout.output_rows = next(setup.options.max_outputs * sizeof(std::uint32_t));
  layout.tiles = next(rows * sizeof(gpu::AttendTile));
  layout.page_tables = next(setup.cache.sequences * setup.cache.pages_a_sequence * sizeof(std::uint32_t));
  return layout;
}

StepInputs::StepInputs(const Setup& setup, std::byte* host, std::byte* device)
    : layout_(InputLayout::of(setup)), host_(host), device_(device), pages_a_sequence_(setup.cache.pages_a_sequence) {
  std::memset(host_, 0, layout_.bytes);
  for_each_attend(setup.program, [&](const models::Attend& op, const models::KvCache& state) {
    tile_rows_ = std::min(tile_rows_, std::max(1U, gpu::attend_tile_rows(attend_shape(op, state))));
    sees_all_ = op.mask == models::Mask::kNone;
  });
}

StepShape StepInputs::fill(Batch batch, const KvCache& cache) {
  StepShape shape{.rows = static_cast<std::uint32_t>(batch.size())};
  for (std::uint32_t i = 0; i < shape.rows; ++i) {
    const BatchRow& row = batch[i];
    const auto sequence = static_cast<std::uint32_t>(row.sequence);
    on_host<std::int32_t>(layout_.tokens)[i] = row.token;
    on_host<std::uint32_t>(layout_.positions)[i] = row.position;
    on_host<std::uint32_t>(layout_.sequences)[i] = sequence;
    on_host<std::uint32_t>(layout_.sees)[i] =
        sees_all_ ? static_cast<std::uint32_t>(cache.length(row.sequence)) : row.position + 1;
    if (row.wants_logits) on_host<std::uint32_t>(layout_.output_rows)[shape.outputs++] = i;
    // Rows of one sequence follow one another: its table is written with the first.
    if (i != 0 && batch[i - 1].sequence == row.sequence) continue;
    const auto pages = cache.pages(row.sequence);
    std::ranges::copy(pages, on_host<std::uint32_t>(layout_.page_tables) + sequence * pages_a_sequence_);
  }
  shape.tiles = cut_tiles(batch);
  return shape;
}

std::uint32_t StepInputs::cut_tiles(Batch batch) const {
  auto* const tiles = on_host<gpu::AttendTile>(layout_.tiles);
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < batch.size(); ++i) {
    const bool goes_on = i != 0 && batch[i - 1].sequence == batch[i].sequence &&
                         batch[i - 1].position + 1 == batch[i].position && tiles[count - 1].rows < tile_rows_;
    if (goes_on) {
      ++tiles[count - 1].rows;
    } else {
      tiles[count++] = {.first_row = i, .rows = 1};
    }
  }
  return count;
}

gpu::StepRows StepInputs::rows() const {
  return {.tokens = on_device<std::int32_t>(layout_.tokens),
          .positions = on_device<std::uint32_t>(layout_.positions),
          .sequences = on_device<std::uint32_t>(layout_.sequences),
          .sees = on_device<std::uint32_t>(layout_.sees),
          .page_tables = on_device<std::uint32_t>(layout_.page_tables),
          .pages_a_sequence = static_cast<std::uint32_t>(pages_a_sequence_)};
}

}  // namespace linnet::engine::cuda
