#include "runtime/engine/kv_cache.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <string>
#include <utility>
#include <variant>

#include "runtime/base/pages.h"
#include "runtime/engine/memory_plan.h"

namespace linnet::engine {

using kernels::cache_row_numbers;

CacheShape CacheShape::for_all(std::size_t sequences, std::size_t context, std::size_t step_rows) {
  const std::size_t pages = pages_of(context);
  return {.sequences = sequences,
          .context = context,
          .pages_a_sequence = pages,
          .pages = sequences * pages,
          .step_rows = step_rows};
}

std::size_t ring_pages(const models::KvCache& state, const CacheShape& shape) {
  if (state.window == 0) return 0;
  // The first row of a step sees window - 1 positions before it, and the step stores its rows first. Where the run of
  // these starts inside a page, it reaches into one more.
  const std::size_t ring = pages_of(state.window - 1 + shape.step_rows) + 1;
  return ring < shape.pages_a_sequence ? ring : 0;
}

std::size_t cache_numbers(const models::Program& program, const CacheShape& shape) {
  std::size_t numbers = 0;
  for (const models::State& state : program.states) {
    const auto* const cache = std::get_if<models::KvCache>(&state);
    if (cache == nullptr) continue;
    const std::size_t ring = ring_pages(*cache, shape);
    numbers += (ring != 0 ? ring * shape.sequences : shape.pages) * page_numbers(*cache, shape.format);
  }
  return numbers;
}

std::size_t recurrent_numbers(const models::Program& program) {
  std::size_t numbers = 0;
  for (const models::State& state : program.states) {
    if (const auto* recurrent = std::get_if<models::Recurrent>(&state)) numbers += recurrent->numbers;
  }
  return numbers;
}

std::size_t page_numbers(const models::KvCache& state, kernels::CacheFormat format) {
  const std::size_t values = state.values_in_keys ? 0 : cache_row_numbers(format, state.value_width);
  return state.kv_heads * kPagePositions * (cache_row_numbers(format, state.key_width) + values);
}

std::size_t page_numbers(const models::Program& program, kernels::CacheFormat format) {
  std::size_t numbers = 0;
  for (const models::State& state : program.states) {
    const auto* const cache = std::get_if<models::KvCache>(&state);
    if (cache != nullptr && cache->window == 0) numbers += page_numbers(*cache, format);
  }
  return numbers;
}

void KvCache::reset(const models::Program& program) {
  for (Sequence& sequence : sequences_) sequence = {};
  free_count_ = free_pages_.size();
  // The lowest page is given first: memory is touched from the front.
  for (std::size_t i = 0; i < free_count_; ++i) free_pages_[i] = static_cast<PageId>(free_count_ - 1 - i);
  std::size_t offset = 0;
  recurrent_stride_ = 0;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (const auto* recurrent = std::get_if<models::Recurrent>(&program.states[i])) {
      states_[i] = {};
      states_[i].offset = recurrent_stride_;
      recurrent_stride_ += recurrent->numbers;
      continue;
    }
    const auto& state = std::get<models::KvCache>(program.states[i]);
    const std::size_t key_head = kPagePositions * cache_row_numbers(shape_.format, state.key_width);
    states_[i] = {.offset = offset,
                  .page = page_numbers(state, shape_.format),
                  .key_head = key_head,
                  .value_head = state.values_in_keys
                                    ? key_head
                                    : kPagePositions * cache_row_numbers(shape_.format, state.value_width),
                  .values = state.values_in_keys ? 0 : state.kv_heads * key_head,
                  .ring = ring_pages(state, shape_),
                  .window = state.window};
    offset += (states_[i].ring != 0 ? states_[i].ring * shape_.sequences : shape_.pages) * states_[i].page;
  }
}

Result<SequenceId> KvCache::begin() {
  const auto place = free_place();
  if (!place) return fail(ErrorKind::kBusy, "all " + std::to_string(sequences_.size()) + " sequences are in use");
  open_empty(*place);
  return *place;
}

void KvCache::end(SequenceId id) {
  truncate(id, 0);
  sequence(id).use = Use::kFree;
}

bool KvCache::is_open(SequenceId id) const {
  return static_cast<std::size_t>(id) < sequences_.size() && sequence(id).use == Use::kOpen;
}

Result<void> KvCache::claim(SequenceId id, std::size_t position, TokenId token) {
  if (!is_open(id)) return fail(ErrorKind::kUsage, "a row names a sequence that is not open");
  Sequence& held = sequence(id);
  if (held.lost) return fail(ErrorKind::kDeviceLost, "the device that held this sequence was lost; begin again");
  const std::size_t next = std::size_t{held.length} + held.claimed;
  if (position != next) {
    return fail(ErrorKind::kUsage, "a row is at position " + std::to_string(position) +
                                       " where its sequence goes on at " + std::to_string(next));
  }
  if (next >= shape_.context) {
    return fail(ErrorKind::kExhausted, "the context of " + std::to_string(shape_.context) + " positions is full");
  }
  tokens(id)[next] = token;
  ++held.claimed;
  return {};
}

Result<void> KvCache::commit() {
  std::size_t needed = 0;
  for (const Sequence& held : sequences_) needed += pages_of(held.length + held.claimed) - held.pages;
  if (!make_room(needed)) {
    return fail(ErrorKind::kExhausted, "the KV cache has " + std::to_string(free_pages()) + " free pages of " +
                                           std::to_string(needed) + " that this step needs");
  }
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    Sequence& held = sequences_[i];
    held.length += std::exchange(held.claimed, 0);
    held.furthest = std::max(held.furthest, held.length);
    while (held.pages < pages_of(held.length))
      table(SequenceId{static_cast<std::uint32_t>(i)})[held.pages++] = free_pages_[--free_count_];
  }
  return {};
}

void KvCache::drop_claims() {
  for (Sequence& held : sequences_) held.claimed = 0;
}

// A ring holds its last pages up to the furthest; the oldest of them may be half overwritten by none.
bool KvCache::can_go_back(const Sequence& held, std::size_t length) const {
  if (recurrent_stride_ != 0 && length != held.length) return false;
  const auto keeps = [&](const StateStorage& state) {
    const std::size_t needed = length + 1 > state.window ? length + 1 - state.window : 0;
    return state.ring == 0 || needed / kPagePositions + state.ring >= pages_of(held.furthest);
  };
  return std::all_of(states_.begin(), states_.end(), keeps);
}

void KvCache::truncate(SequenceId id, std::size_t length) {
  assert(is_open(id) && length <= sequence(id).length);
  forget_from(id, can_go_back(sequence(id), length) ? length : 0);
}

void KvCache::forget_from(SequenceId id, std::size_t length) {
  Sequence& held = sequence(id);
  if (length == 0) {
    held.furthest = 0;
    std::ranges::fill(recurrent_of(id), 0.0F);
  }
  held.length = static_cast<std::uint32_t>(length);
  while (held.pages > pages_of(length)) free_pages_[free_count_++] = table(id)[--held.pages];
}

Result<void> KvCache::copy(SequenceId from, SequenceId to) {
  assert(is_open(from) && is_open(to) && from != to);
  truncate(to, 0);
  if (copy_prefix({from, length(from)}, to)) return {};
  return fail(ErrorKind::kExhausted, "the KV cache has " + std::to_string(free_pages()) + " free pages of " +
                                         std::to_string(sequence(from).pages) + " that the copy needs");
}

void KvCache::lose_all() {
  drop_claims();
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    Sequence& held = sequences_[i];
    if (held.use == Use::kFree) continue;
    forget_from(SequenceId{static_cast<std::uint32_t>(i)}, 0);
    if (held.use == Use::kKept) held.use = Use::kFree;
    held.lost = held.use == Use::kOpen;
  }
}

std::size_t KvCache::give_back_idle() {
  if (numbers_.empty()) return 0;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].use != Use::kKept) continue;
    forget_from(SequenceId{static_cast<std::uint32_t>(i)}, 0);
    sequences_[i].use = Use::kFree;
  }
  // Descending: the lowest page is given first again, and neighbours go back in one call.
  std::ranges::sort(free_pages_.first(free_count_), std::greater<>());
  std::size_t bytes = 0;
  for (const StateStorage& state : states_) {
    if (state.page != 0) bytes += state.ring != 0 ? give_back_rings(state) : give_back_pages(state);
  }
  return bytes;
}

std::size_t KvCache::give_back_pages(const StateStorage& state) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < free_count_;) {
    std::size_t count = 1;
    while (i + count < free_count_ && free_pages_[i + count] + count == free_pages_[i]) ++count;
    i += count;
    const std::size_t lowest = free_pages_[i - 1];
    bytes +=
        give_back(std::as_writable_bytes(numbers_.subspan(state.offset + lowest * state.page, count * state.page)));
  }
  return bytes;
}

std::size_t KvCache::give_back_rings(const StateStorage& state) {
  const std::size_t size = state.ring * state.page;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].use == Use::kOpen) continue;
    bytes += give_back(std::as_writable_bytes(numbers_.subspan(state.offset + i * size, size)));
  }
  return bytes;
}

std::uint16_t* KvCache::keys(models::StateId state, SequenceId id, std::size_t number, std::size_t head) const {
  const StateStorage& storage = states_[static_cast<std::size_t>(state)];
  return page(storage, id, number) + head * storage.key_head;
}

std::uint16_t* KvCache::values(models::StateId state, SequenceId id, std::size_t number, std::size_t head) const {
  const StateStorage& storage = states_[static_cast<std::size_t>(state)];
  return page(storage, id, number) + storage.values + head * storage.value_head;
}

}  // namespace linnet::engine
