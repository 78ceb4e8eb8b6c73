#include "runtime/text/grammar/configurations.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

namespace linnet::text {
namespace {

constexpr std::size_t kMostElements = 1 << 14;  // Of one configuration, and of the ways to it.

std::uint32_t mix(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t key = (a ^ b * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>((key ^ key >> 32) >> 7);
}

// Slots of a hash table for `count` entries at most half full.
std::size_t slots_for(std::size_t count) { return std::bit_ceil(2 * count + 2); }

}  // namespace

Configurations::Configurations(const ConstraintLimits& limits)
    : limits_(limits),
      source_(limits.source_bytes),
      words_(limits.words),
      spare_words_(limits.words),
      stacks_(limits.stacks),
      spare_stacks_(limits.stacks),
      by_content_(slots_for(limits.words / 8)),
      by_stack_(slots_for(limits.stacks)),
      visited_(slots_for(kMostElements)),
      stamps_(slots_for(kMostElements)) {
  elements_.reserve(kMostElements);
  open_.reserve(kMostElements);
}

std::size_t Configurations::bytes_for(const ConstraintLimits& limits) {
  return CopySource::bytes_for(limits.source_bytes) + 2 * limits.words * sizeof(std::uint32_t) +
         2 * limits.stacks * sizeof(Stack) +
         (slots_for(limits.words / 8) + slots_for(limits.stacks)) * sizeof(std::uint32_t) +
         slots_for(kMostElements) * (sizeof(Element) + sizeof(std::uint32_t)) + 2 * kMostElements * sizeof(Element);
}

Result<Configuration> Configurations::start(const Grammar& grammar, std::string_view source) {
  grammar_ = &grammar;
  if (!source_.assign(grammar.copies() ? source : std::string_view())) {
    return fail(ErrorKind::kExhausted, "the text to copy from is longer than the " +
                                           std::to_string(limits_.source_bytes) + " bytes that were planned");
  }
  set_classes();
  clear_block();
  failed_ = false;
  elements_.clear();
  may_end_ = false;
  ++stamp_;
  visited_count_ = 0;
  const bool fits = close({grammar.start(), kNoStack, 0, 0});
  const Configuration first = fits ? intern() : kUnknown;
  if (first == kUnknown) return fail(ErrorKind::kExhausted, "grammar: its start alone needs more memory than planned");
  if (first == kNowhere) return fail(ErrorKind::kUsage, "grammar: it has to copy words, and the source has none");
  return first;
}

// Copying tells apart bytes that the grammar does not: each byte of the source is a class of its own.
void Configurations::set_classes() {
  std::array<bool, 256> in_source{};
  for (const bool escaped : {false, true}) {
    for (const char c : source_.form(escaped).bytes) in_source[static_cast<std::uint8_t>(c)] = grammar_->copies();
  }
  std::array<std::uint32_t, 256> renamed{};
  renamed.fill(kUnknown);
  class_count_ = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint32_t fresh = kUnknown;
    std::uint32_t& name = in_source[byte] ? fresh : renamed[grammar_->byte_classes()[byte]];
    if (name == kUnknown) name = class_count_++;
    classes_[byte] = static_cast<std::uint8_t>(name);
  }
}

// Number 0 is the configuration without elements, which every byte leads back to.
void Configurations::clear_block() {
  std::ranges::fill(by_content_, kNowhere);
  std::ranges::fill(by_stack_, kNoStack);
  used_words_ = kHead + class_count_;
  std::fill_n(words_.begin(), used_words_, 0);
  used_stacks_ = 1;
  stacks_[kNoStack] = {};
  ++generation_;
}

Configuration Configurations::find(Configuration from, std::uint8_t byte, std::span<Configuration> live) {
  const auto in_live = std::ranges::find(live, from) - live.begin();
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (attempt > 0) forget(live);
    if (failed_) return kNowhere;
    from = live[static_cast<std::size_t>(in_live)];
    const Configuration next = compute(from, byte) ? intern() : kUnknown;
    if (next == kUnknown) continue;
    words_[from + kHead + classes_[byte]] = next;
    return next;
  }
  failed_ = true;
  return kNowhere;
}

Configurations::Element Configurations::read(const std::uint32_t* words) const {
  return {words[0], words[1], words[2], std::uint64_t{words[4]} << 32 | words[3]};
}

bool Configurations::compute(Configuration from, std::uint8_t byte) {
  elements_.clear();
  may_end_ = false;
  ++stamp_;
  visited_count_ = 0;
  const std::uint32_t count = words_[from] >> 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Element element = read(&words_[from + kHead + class_count_ + kElementWords * i]);
    const auto after = [&](const GrammarState& state) { return Element{state.first, element.stack, 0, element.used}; };
    const GrammarState& state = grammar_->states()[element.state];
    if (state.kind == GrammarState::Kind::kCopy) {
      const CopySource::Form& form = source_.form(state.low != 0);
      if (static_cast<std::uint8_t>(form.bytes[element.place]) != byte) continue;
      const std::uint32_t place = element.place + 1;
      if (elements_.size() >= kMostElements) return false;
      if (place < form.last_end) elements_.push_back({element.state, element.stack, place, element.used});
      if ((form.flags[place] & CopySource::kEnd) != 0 && !close(after(state))) return false;
    } else {
      const bool takes = state.kind == GrammarState::Kind::kByte ? byte >= state.low && byte <= state.high
                                                                 : grammar_->byte_sets()[state.second].test(byte);
      if (takes && !close(after(state))) return false;
    }
  }
  return true;
}

bool Configurations::ends(StateId state) const {
  const GrammarState& s = grammar_->states()[state];
  return source_.has_words() ? s.ends_with_words : s.ends_without_words;
}

// Notes a place to go on from, unless it was noted before or leads nowhere.
bool Configurations::later(Element element) {
  if (!ends(element.state)) return true;
  const std::size_t mask = visited_.size() - 1;
  std::size_t slot = mix(mix(element.state, element.stack), element.used) & mask;
  for (; stamps_[slot] == stamp_; slot = (slot + 1) & mask) {
    if (visited_[slot] == element) return true;
  }
  if (visited_count_ >= kMostElements || open_.size() >= kMostElements) return false;
  ++visited_count_;
  visited_[slot] = element;
  stamps_[slot] = stamp_;
  open_.push_back(element);
  return true;
}

// Follows everything that takes no byte, down to the states that take one.
bool Configurations::close(Element at) {
  open_.clear();
  if (!later(at)) return false;
  while (!open_.empty()) {
    const Element next = open_.back();
    open_.pop_back();
    if (!close_one(next)) return false;
  }
  return true;
}

bool Configurations::close_one(Element at) {
  const GrammarState& state = grammar_->states()[at.state];
  const auto to = [&](StateId next, std::uint32_t stack) { return Element{next, stack, 0, at.used}; };
  switch (state.kind) {
    case GrammarState::Kind::kSplit: return later(to(state.second, at.stack)) && later(to(state.first, at.stack));
    case GrammarState::Kind::kJump: return later(to(state.first, at.stack));
    case GrammarState::Kind::kOnce: {
      const std::uint64_t bit = std::uint64_t{1} << state.second;
      return (at.used & bit) != 0 || later({state.first, at.stack, 0, at.used | bit});
    }
    case GrammarState::Kind::kCall: {
      if (stacks_[at.stack].depth >= limits_.depth) return true;  // Too deep: not allowed.
      std::uint32_t stack = kNoStack;
      return push(state.second, at.stack, stack) && later(to(state.first, stack));
    }
    case GrammarState::Kind::kReturn:
      if (at.stack == kNoStack) {
        may_end_ = true;
        return true;
      }
      return later(to(stacks_[at.stack].state, stacks_[at.stack].below));
    case GrammarState::Kind::kCopy: return enter_copy(at);
    case GrammarState::Kind::kByte:
    case GrammarState::Kind::kSet: break;
  }
  if (elements_.size() >= kMostElements) return false;
  elements_.push_back(at);
  return true;
}

bool Configurations::enter_copy(Element at) {
  const CopySource::Form& form = source_.form(grammar_->states()[at.state].low != 0);
  for (std::uint32_t place = 0; place < form.bytes.size(); ++place) {
    if ((form.flags[place] & CopySource::kStart) == 0) continue;
    if (elements_.size() >= kMostElements) return false;
    elements_.push_back({at.state, at.stack, place, at.used});
  }
  return true;
}

bool Configurations::push(StateId state, std::uint32_t below, std::uint32_t& out) {
  const std::size_t mask = by_stack_.size() - 1;
  std::size_t slot = mix(state, below) & mask;
  for (; by_stack_[slot] != kNoStack; slot = (slot + 1) & mask) {
    const Stack& stack = stacks_[by_stack_[slot]];
    if (stack.state != state || stack.below != below) continue;
    out = by_stack_[slot];
    return true;
  }
  if (used_stacks_ == stacks_.size()) return false;
  out = static_cast<std::uint32_t>(used_stacks_++);
  stacks_[out] = {state, below, stacks_[below].depth + 1};
  by_stack_[slot] = out;
  return true;
}

// The number of the set in elements_; kUnknown where there is no room.
Configuration Configurations::intern() {
  std::ranges::sort(elements_);
  elements_.erase(std::unique(elements_.begin(), elements_.end()), elements_.end());
  const auto head = static_cast<std::uint32_t>(elements_.size() << 1 | (may_end_ ? kMayEnd : 0));
  if (head == 0) return kNowhere;
  std::uint32_t hash = head;
  for (const Element& e : elements_)
    hash = mix(std::uint64_t{mix(hash, e.used)} << 32 | e.state, std::uint64_t{e.stack} << 32 | e.place);
  return place(elements_, head, hash);
}

Configuration Configurations::place(std::span<const Element> elements, std::uint32_t head, std::uint32_t hash) {
  const std::size_t mask = by_content_.size() - 1;
  std::size_t slot = hash & mask;
  for (; by_content_[slot] != kNowhere; slot = (slot + 1) & mask) {
    const Configuration other = by_content_[slot];
    if (words_[other] != head || words_[other + 1] != hash) continue;
    const std::uint32_t* at = words_.data() + other + kHead + class_count_;
    const bool equal = std::ranges::all_of(elements, [&](const Element& e) {
      at += kElementWords;
      return read(at - kElementWords) == e;
    });
    if (equal) return other;
  }
  const std::size_t size = kHead + class_count_ + kElementWords * elements.size();
  if (size > words_.size() - used_words_) return kUnknown;
  const auto at = static_cast<Configuration>(used_words_);
  used_words_ += size;
  words_[at] = head;
  words_[at + 1] = hash;
  std::fill_n(words_.data() + at + kHead, class_count_, kUnknown);
  std::size_t to = at + kHead + class_count_;
  for (const Element& e : elements) {
    words_[to++] = e.state;
    words_[to++] = e.stack;
    words_[to++] = e.place;
    words_[to++] = static_cast<std::uint32_t>(e.used);
    words_[to++] = static_cast<std::uint32_t>(e.used >> 32);
  }
  by_content_[slot] = at;
  return at;
}

void Configurations::forget(std::span<Configuration> live) {
  std::swap(words_, spare_words_);
  std::swap(stacks_, spare_stacks_);
  clear_block();
  for (Configuration& at : live) {
    if (!move(at, spare_words_, spare_stacks_)) failed_ = true;
  }
}

// Makes a configuration of the other block anew in this one.
bool Configurations::move(Configuration& at, const std::vector<std::uint32_t>& words,
                          const std::vector<Stack>& stacks) {
  if (at == kNowhere) return true;
  const std::uint32_t head = words[at];
  elements_.clear();
  may_end_ = (head & kMayEnd) != 0;
  for (std::uint32_t i = 0; i < head >> 1; ++i) {
    Element element = read(&words[at + kHead + class_count_ + kElementWords * i]);
    const std::uint32_t inner = std::exchange(element.stack, kNoStack);
    // From the outermost rule inwards, since a stack is known by what is below it.
    open_.clear();
    for (std::uint32_t s = inner; s != kNoStack; s = stacks[s].below) open_.push_back({stacks[s].state, 0, 0, 0});
    for (; !open_.empty(); open_.pop_back()) {
      if (!push(open_.back().state, element.stack, element.stack)) return false;
    }
    elements_.push_back(element);
  }
  at = intern();
  return at != kUnknown;
}

}  // namespace linnet::text
