// Attention over the pages of the KV cache: storing a step's keys and values, and reading those of its sequences.
#include <algorithm>
#include <cassert>

#include "runtime/engine/executor.h"

namespace linnet::engine {

using kernels::kPagePositions;

// Puts a row's keys and values into the cache.
void Executor::store(const models::Attend& op, std::size_t row) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const BatchRow& now = batch_[row];
  const std::size_t page = now.position / kPagePositions;
  const std::size_t at = now.position % kPagePositions;
  const float* const key = buffer(op.key).row(row).data();
  for (std::size_t head = 0; head < state.kv_heads; ++head) {
    std::uint16_t* const keys = cache_.keys(op.cache, now.sequence, page, head) + at * state.key_width;
    kernels_.convert->to_f16(key + head * state.key_width, keys, state.key_width);
    if (!op.value) continue;
    const float* const value = buffer(*op.value).row(row).data();
    std::uint16_t* const values = cache_.values(op.cache, now.sequence, page, head) + at * state.value_width;
    kernels_.convert->to_f16(value + head * state.value_width, values, state.value_width);
  }
}

void Executor::execute(const models::Attend& op) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  split(batch_.size(), state.kv_heads * state.kept_width(), [&](std::size_t first, std::size_t n) {
    for (std::size_t row = first; row < first + n; ++row) store(op, row);
  });
  // One KV head may serve many query heads (latent attention: all): they are shared out too.
  const std::size_t heads = op.heads / state.kv_heads;
  const std::size_t ranges = (heads + kAttentionHeads - 1) / kAttentionHeads;
  pool_.run(blocks_.size() * state.kv_heads * ranges, [&](std::size_t chunk, std::size_t worker) {
    const std::size_t range = chunk % ranges;
    const std::size_t kv_head = chunk / ranges % state.kv_heads;
    const std::size_t before = range * kAttentionHeads;
    attend(op, blocks_[chunk / ranges / state.kv_heads],
           {kv_head, kv_head * heads + before, std::min(kAttentionHeads, heads - before)}, worker);
  });
}

// A sink is a last part of one position whose value is 0.
void Executor::merge_sinks(const float* sinks, const kernels::AttentionShape& shape, const kernels::AttentionPart& into,
                           std::size_t worker) {
  const ThreadScratch& scratch = workspace_.threads[worker];
  for (std::size_t row = 0; row < shape.rows; ++row) {
    std::copy_n(sinks, shape.heads, scratch.next_maximum.data() + row * shape.heads);
  }
  std::fill_n(scratch.next_sum.data(), shape.rows * shape.heads, 1.0F);
  std::fill_n(scratch.next_out.data(), shape.rows * shape.heads * shape.value_width, 0.0F);
  kernels_.attention->merge(
      shape, into,
      {scratch.next_maximum.data(), scratch.next_sum.data(), scratch.next_out.data(), shape.heads * shape.value_width});
}

// Rows under a window start at different positions: one by one, once the window hides any.
void Executor::attend(const models::Attend& op, const RowBlock& block, const HeadRange& range, std::size_t worker) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  if (state.window == 0 || block.first_position + block.rows <= state.window) {
    return attend_from(op, 0, block, range, worker);
  }
  for (std::uint32_t row = 0; row < block.rows; ++row) {
    const std::size_t position = block.first_position + row;
    const std::size_t begin = position + 1 > state.window ? position + 1 - state.window : 0;
    attend_from(op, begin, {block.first_row + row, 1, block.sequence, block.first_position + row}, range, worker);
  }
}

// One block of rows, query heads of one KV head: the pages from position `begin` on ascending, merged as they come.
void Executor::attend_from(const models::Attend& op, std::size_t begin, const RowBlock& block, const HeadRange& range,
                           std::size_t worker) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const std::size_t heads = range.count;
  const std::size_t value_stride = state.values_in_keys ? state.key_width : state.value_width;
  const TensorView query = buffer(op.query);
  const TensorView out = buffer(op.out);
  const ThreadScratch& scratch = workspace_.threads[worker];
  // Without a mask every row sees all of its sequence, which was stored before.
  const bool masked = op.mask == models::Mask::kCausal;
  const std::size_t end = masked ? block.first_position + block.rows : cache_.length(block.sequence);
  float* const first_out = out.row(block.first_row).data() + range.first * state.value_width;
  const kernels::AttentionPart whole{scratch.maximum.data(), scratch.sum.data(), first_out, out.stride()};
  for (std::size_t page = begin / kPagePositions; page * kPagePositions < end; ++page) {
    const std::size_t start = std::max(begin, page * kPagePositions);
    const std::size_t hidden = start - page * kPagePositions;
    const std::size_t positions = std::min(kPagePositions - hidden, end - start);
    // Under the mask, rows before this page's first position do not see it.
    const std::size_t skipped = masked && start > block.first_position ? start - block.first_position : 0;
    const kernels::AttentionPage input{
        .queries = query.row(block.first_row + skipped).data() + range.first * state.key_width,
        .query_stride = query.stride(),
        .keys = cache_.keys(op.cache, block.sequence, page, range.kv_head) + hidden * state.key_width,
        .key_stride = state.key_width,
        .values = cache_.values(op.cache, block.sequence, page, range.kv_head) + hidden * value_stride,
        .value_stride = value_stride,
        .positions = positions,
        .first_row_sees = masked ? block.first_position + skipped - start + 1 : positions,
        .rows = block.rows - skipped,
        .heads = heads,
        .key_width = state.key_width,
        .value_width = state.value_width,
        .scale = op.scale};
    if (page == begin / kPagePositions) {
      kernels_.attention->page(input, whole);
      continue;
    }
    const kernels::AttentionPart next{scratch.next_maximum.data(), scratch.next_sum.data(), scratch.next_out.data(),
                                      heads * state.value_width};
    const kernels::AttentionPart into{whole.maximum + skipped * heads, whole.sum + skipped * heads,
                                      whole.out + skipped * whole.out_stride, whole.out_stride};
    kernels_.attention->page(input, next);
    kernels_.attention->merge({input.rows, heads, state.value_width}, into, next);
  }
  if (op.sinks)
    merge_sinks(weights_.vector(*op.sinks) + range.first, {block.rows, heads, state.value_width}, whole, worker);
  kernels_.attention->finish({block.rows, heads, state.value_width}, whole);
}

}  // namespace linnet::engine
