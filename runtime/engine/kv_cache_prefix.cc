// Prefixes: what a sequence computed is had by another that begins alike.
#include <algorithm>
#include <utility>

#include "runtime/engine/kv_cache.h"
#include "runtime/engine/memory_plan.h"

namespace linnet::engine {
namespace {

SequenceId id_of(std::size_t index) { return static_cast<SequenceId>(index); }

}  // namespace

void KvCache::keep(SequenceId id) {
  Sequence& held = sequence(id);
  if (held.lost || held.length == 0) return end(id);
  held.use = Use::kKept;
  held.kept = ++keepings_;
}

std::size_t KvCache::free_pages() const {
  std::size_t pages = free_count_;
  for (const Sequence& held : sequences_) pages += held.use == Use::kKept ? held.pages : 0;
  return pages;
}

// Where a sequence ends that `prompt` goes on from, nothing of it is lost by going on in its place. Else the prefix is
// copied to the place that is worth least.
Result<SequenceId> KvCache::begin(std::span<const TokenId> prompt) {
  const Prefix best = longest_prefix(prompt);
  if (best.length == 0) return begin();
  const auto place = free_place();
  const bool is_kept = sequence(best.of).use == Use::kKept;
  if (is_kept && (best.length == length(best.of) || place == best.of)) {
    sequence(best.of).use = Use::kOpen;
    truncate(best.of, best.length);
    return best.of;
  }
  LINNET_TRY(const SequenceId id, begin());
  // Without pages for a copy it begins empty.
  static_cast<void>(copy_prefix(best, id));
  return id;
}

KvCache::Prefix KvCache::longest_prefix(std::span<const TokenId> prompt) const {
  Prefix best;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].use == Use::kFree) continue;
    const std::size_t length = shared_length(id_of(i), prompt);
    // Of equal ones a kept one, which may be gone on with in its place.
    const bool better = length == best.length && sequences_[i].use == Use::kKept;
    if (length > best.length || (better && length != 0)) best = {id_of(i), length};
  }
  return best;
}

// The last token of a prompt is computed in any case: its logits are what comes next.
std::size_t KvCache::shared_length(SequenceId id, std::span<const TokenId> prompt) const {
  if (prompt.empty()) return 0;
  const Sequence& held = sequence(id);
  const TokenId* const own = tokens(id);
  const std::size_t most = std::min<std::size_t>(held.length, prompt.size() - 1);
  const auto differ = std::mismatch(own, own + most, prompt.begin());
  const auto length = static_cast<std::size_t>(differ.first - own);
  return can_go_back(held, length) ? length : 0;
}

std::optional<SequenceId> KvCache::oldest_kept(std::optional<SequenceId> except) const {
  std::optional<SequenceId> oldest;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].use != Use::kKept || id_of(i) == except) continue;
    if (!oldest || sequences_[i].kept < sequence(*oldest).kept) oldest = id_of(i);
  }
  return oldest;
}

std::optional<SequenceId> KvCache::free_place() const {
  const auto found = std::ranges::find(sequences_, Use::kFree, &Sequence::use);
  return found != sequences_.end() ? id_of(static_cast<std::size_t>(found - sequences_.begin())) : oldest_kept();
}

void KvCache::open_empty(SequenceId id) {
  forget_from(id, 0);
  sequence(id) = {};
  sequence(id).use = Use::kOpen;
}

// Whether that many pages are free now: of kept sequences the oldest go for them, unless even all would not do.
bool KvCache::make_room(std::size_t pages, std::optional<SequenceId> except) {
  const std::size_t spared = except && sequence(*except).use == Use::kKept ? sequence(*except).pages : 0;
  if (pages > free_pages() - spared) return false;
  while (pages > free_count_) {
    const SequenceId id = *oldest_kept(except);
    forget_from(id, 0);
    sequence(id).use = Use::kFree;
  }
  return true;
}

bool KvCache::copy_prefix(const Prefix& from, SequenceId to) {
  Sequence& target = sequence(to);
  if (!make_room(pages_of(from.length), from.of)) return false;
  while (target.pages < pages_of(from.length)) table(to)[target.pages++] = free_pages_[--free_count_];
  target.length = static_cast<std::uint32_t>(from.length);
  target.furthest = sequence(from.of).furthest;
  std::copy_n(tokens(from.of), from.length, tokens(to));
  for (const StateStorage& state : states_) {
    if (state.page == 0) continue;
    if (state.ring == 0) {
      copy_positions(state, from, to);
      continue;
    }
    // Of a ring, all pages: which of them hold something is a matter of turns.
    for (std::size_t i = 0; i < state.ring; ++i) std::copy_n(page(state, from.of, i), state.page, page(state, to, i));
  }
  std::ranges::copy(recurrent_of(from.of), recurrent_of(to).begin());
  return true;
}

// Each head's run of a page is contiguous: of the last page, what the prefix has of it.
void KvCache::copy_positions(const StateStorage& state, const Prefix& from, SequenceId to) {
  const std::size_t key_row = state.key_head / kPagePositions;
  const std::size_t value_row = state.value_head / kPagePositions;
  for (std::size_t number = 0; number * kPagePositions < from.length; ++number) {
    const std::size_t positions = std::min(kPagePositions, from.length - number * kPagePositions);
    const std::uint16_t* const source = page(state, from.of, number);
    std::uint16_t* const target = page(state, to, number);
    const std::size_t keys = state.values != 0 ? state.values : state.page;
    for (std::size_t head = 0; head < keys; head += state.key_head) {
      std::copy_n(source + head, positions * key_row, target + head);
    }
    for (std::size_t head = keys; head < state.page; head += state.value_head) {
      std::copy_n(source + head, positions * value_row, target + head);
    }
  }
}

}  // namespace linnet::engine
