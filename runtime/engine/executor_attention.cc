// Attention over the pages of the KV cache: storing a step's keys and values, and reading those of its sequences.
#include <algorithm>
#include <cassert>

#include "runtime/engine/executor.h"

namespace linnet::engine {

using kernels::kPagePositions;

std::size_t Executor::row_numbers(std::size_t width) const {
  return kernels::cache_row_numbers(cache_.shape().format, width);
}

void Executor::store(const float* numbers, std::size_t width, std::uint16_t* row) const {
  if (cache_.shape().format == kernels::CacheFormat::kQ8) return kernels::store_q8_row(numbers, width, row);
  kernels_.convert->to_f16(numbers, row, width);
}

// Puts a row's keys and values into the cache.
void Executor::store(const models::Attend& op, std::size_t row) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const BatchRow& now = batch_[row];
  const std::size_t page = now.position / kPagePositions;
  const std::size_t at = now.position % kPagePositions;
  const float* const key = buffer(op.key).row(row).data();
  for (std::size_t head = 0; head < state.kv_heads; ++head) {
    const std::size_t width = state.key_width;
    store(key + head * width, width, cache_.keys(op.cache, now.sequence, page, head) + at * row_numbers(width));
    if (!op.value) continue;
    const float* const value = buffer(*op.value).row(row).data() + head * state.value_width;
    store(value, state.value_width,
          cache_.values(op.cache, now.sequence, page, head) + at * row_numbers(state.value_width));
  }
}

void Executor::execute(const models::Attend& op) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  split(batch_.size(), state.kv_heads * state.kept_width(), [&](std::size_t first, std::size_t n) {
    for (std::size_t row = first; row < first + n; ++row) store(op, row);
  });
  const AttentionCut cut{op.heads / state.kv_heads, state.kv_heads};
  const std::size_t pages = pages_to_share(op, cut);
  if (pages > 1) return attend_by_pages(op, cut, pages);
  pool_.run(blocks_.size() * cut.ranges_a_block(), [&](std::size_t chunk, std::size_t worker) {
    attend(op, blocks_[cut.block(chunk)], cut.range(chunk), worker);
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

// The positions that all rows of a block see some of: under a window, of a block of one row.
Executor::Seen Executor::seen_by(const models::Attend& op, const RowBlock& block) const {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  // Without a mask every row sees all of its sequence, which was stored before.
  const std::size_t end =
      op.mask == models::Mask::kCausal ? block.first_position + block.rows : cache_.length(block.sequence);
  const std::size_t position = block.first_position;
  return {state.window != 0 && position + 1 > state.window ? position + 1 - state.window : 0, end};
}

// Rows under a window start at different positions: one by one, once the window hides any.
void Executor::attend(const models::Attend& op, const RowBlock& block, const HeadRange& range, std::size_t worker) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  if (state.window == 0 || block.first_position + block.rows <= state.window) {
    return attend_from(op, seen_by(op, block), block, range, worker);
  }
  for (std::uint32_t row = 0; row < block.rows; ++row) {
    const RowBlock alone{block.first_row + row, 1, block.sequence, block.first_position + row};
    attend_from(op, seen_by(op, alone), alone, range, worker);
  }
}

// What the rows that see any of it take of one page.
kernels::AttentionPage Executor::page_of(const models::Attend& op, const Seen& seen, const RowBlock& block,
                                         const HeadRange& range, std::size_t page) const {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const std::size_t key_stride = row_numbers(state.key_width);
  const std::size_t value_stride = state.values_in_keys ? key_stride : row_numbers(state.value_width);
  const TensorView query = buffer(op.query);
  const bool masked = op.mask == models::Mask::kCausal;
  const std::size_t start = std::max(seen.begin, page * kPagePositions);
  const std::size_t hidden = start - page * kPagePositions;
  const std::size_t positions = std::min(kPagePositions - hidden, seen.end - start);
  // Under the mask, rows before this page's first position do not see it.
  const std::size_t skipped = masked && start > block.first_position ? start - block.first_position : 0;
  return {.queries = query.row(block.first_row + skipped).data() + range.first * state.key_width,
          .query_stride = query.stride(),
          .keys = cache_.keys(op.cache, block.sequence, page, range.kv_head) + hidden * key_stride,
          .key_stride = key_stride,
          .values = cache_.values(op.cache, block.sequence, page, range.kv_head) + hidden * value_stride,
          .value_stride = value_stride,
          .positions = positions,
          .first_row_sees = masked ? block.first_position + skipped - start + 1 : positions,
          .rows = block.rows - skipped,
          .heads = range.count,
          .key_width = state.key_width,
          .value_width = state.value_width,
          .scale = op.scale,
          .format = cache_.shape().format};
}

// One block of rows, query heads of one KV head: the pages that it sees, ascending, merged as they come.
void Executor::attend_from(const models::Attend& op, const Seen& seen, const RowBlock& block, const HeadRange& range,
                           std::size_t worker) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const std::size_t heads = range.count;
  const TensorView out = buffer(op.out);
  const ThreadScratch& scratch = workspace_.threads[worker];
  float* const first_out = out.row(block.first_row).data() + range.first * state.value_width;
  const kernels::AttentionPart whole{scratch.maximum.data(), scratch.sum.data(), first_out, out.stride()};
  const kernels::AttentionPart next{scratch.next_maximum.data(), scratch.next_sum.data(), scratch.next_out.data(),
                                    heads * state.value_width};
  kernels_.attention->page(page_of(op, seen, block, range, seen.first_page()), whole);
  for (std::size_t page = seen.first_page() + 1; page < seen.end_page(); ++page) {
    const kernels::AttentionPage input = page_of(op, seen, block, range, page);
    const std::size_t skipped = block.rows - input.rows;
    const kernels::AttentionPart into{whole.maximum + skipped * heads, whole.sum + skipped * heads,
                                      whole.out + skipped * whole.out_stride, whole.out_stride};
    kernels_.attention->page(input, next);
    kernels_.attention->merge({input.rows, heads, state.value_width}, into, next);
  }
  const kernels::AttentionShape shape{block.rows, heads, state.value_width};
  if (op.sinks) merge_sinks(weights_.vector(*op.sinks) + range.first, shape, whole, worker);
  kernels_.attention->finish(shape, whole);
}

// The most pages of a block where sharing out blocks and heads alone would leave threads without work (decoding few
// sequences, far into their context); else 0.
std::size_t Executor::pages_to_share(const models::Attend& op, const AttentionCut& cut) const {
  if (blocks_.size() * cut.ranges_a_block() > workspace_.page_parts.chunks) return 0;
  std::size_t pages = 0;
  for (const RowBlock& block : blocks_) {
    if (block.rows != 1) return 0;
    const Seen seen = seen_by(op, block);
    pages = std::max(pages, seen.end_page() - seen.first_page());
  }
  return pages;
}

// Every page by itself, by whoever is free; then their parts are merged in the order in which one thread would have
// merged them, which gives the same bits.
void Executor::attend_by_pages(const models::Attend& op, const AttentionCut& cut, std::size_t pages) {
  const auto& state = std::get<models::KvCache>(program_.states[static_cast<std::size_t>(op.cache)]);
  const std::size_t width = state.value_width;
  const std::size_t chunks = blocks_.size() * cut.ranges_a_block();
  const auto part = [&](std::size_t chunk, std::size_t number) {
    return workspace_.page_parts.part(chunk * pages + number, std::min(cut.heads, kAttentionHeads), width);
  };
  pool_.run(chunks * pages, [&](std::size_t task, std::size_t) {
    const std::size_t chunk = task / pages;
    const RowBlock& block = blocks_[cut.block(chunk)];
    const Seen seen = seen_by(op, block);
    const std::size_t page = seen.first_page() + task % pages;
    if (page >= seen.end_page()) return;
    kernels_.attention->page(page_of(op, seen, block, cut.range(chunk), page), part(chunk, task % pages));
  });
  pool_.run(chunks, [&](std::size_t chunk, std::size_t worker) {
    const RowBlock& block = blocks_[cut.block(chunk)];
    const HeadRange range = cut.range(chunk);
    const Seen seen = seen_by(op, block);
    const kernels::AttentionShape shape{1, range.count, width};
    const kernels::AttentionPart whole = part(chunk, 0);
    for (std::size_t number = 1; number < seen.end_page() - seen.first_page(); ++number) {
      kernels_.attention->merge(shape, whole, part(chunk, number));
    }
    if (op.sinks) merge_sinks(weights_.vector(*op.sinks) + range.first, shape, whole, worker);
    kernels_.attention->finish(shape, whole);
    std::copy_n(whole.out, range.count * width, buffer(op.out).row(block.first_row).data() + range.first * width);
  });
}

}  // namespace linnet::engine
