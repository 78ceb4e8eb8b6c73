#include <algorithm>
#include <map>
#include <numeric>

#include "runtime/text/grammar/checks.h"
#include "runtime/text/grammar/grammar.h"
#include "runtime/text/grammar/utf8_ranges.h"

namespace linnet::text {

// Builds from the end: each part is given the state that comes after it and returns the state that it starts with.
class GrammarCompiler {
 public:
  GrammarCompiler(const Syntax& syntax, const GrammarLimits& limits) : syntax_(syntax), limits_(limits) {}

  Result<Grammar> compile() {
    // A rule's start must be known before its body is: one jump a rule, aimed when the body is there.
    for (std::size_t i = 0; i < syntax_.rules.size(); ++i) add(make(Kind::kJump));
    for (std::size_t i = 0; i < syntax_.rules.size(); ++i) {
      const StateId end = add(make(Kind::kReturn));
      const StateId start = build(syntax_.rules[i].body, end);
      if (too_large()) return too_many_states();
      grammar_.states_[i].first = start;
    }
    grammar_.start_ = syntax_.root;
    find_sources();
    mark_ends(&GrammarState::ends_with_words, true);
    mark_ends(&GrammarState::ends_without_words, false);
    find_byte_classes();
    return std::move(grammar_);
  }

 private:
  using Kind = GrammarState::Kind;
  static constexpr std::size_t kWorkPerState = 4;

  [[nodiscard]] bool too_large() const {
    return grammar_.states_.size() > limits_.states || work_ > kWorkPerState * limits_.states;
  }
  [[nodiscard]] tl::unexpected<Error> too_many_states() const {
    return fail(ErrorKind::kExhausted, "grammar: more than " + std::to_string(limits_.states) +
                                           " states; repeat less or use shorter alternatives");
  }

  static GrammarState make(Kind kind, StateId first = 0, StateId second = 0) {
    GrammarState state;
    state.kind = kind;
    state.first = first;
    state.second = second;
    return state;
  }
  StateId bytes(Kind kind, std::uint8_t low, std::uint8_t high, StateId after) {
    GrammarState state = make(kind, after);
    state.low = low;
    state.high = high;
    return add(state);
  }
  StateId add(GrammarState state) {
    grammar_.states_.push_back(state);
    return static_cast<StateId>(grammar_.states_.size() - 1);
  }
  StateId split(StateId first, StateId second) { return add(make(Kind::kSplit, first, second)); }

  StateId build(std::uint32_t index, StateId after) {
    const Expression& e = syntax_.expressions[index];
    ++work_;                        // Repeating what is empty makes no states.
    if (too_large()) return after;  // Reported by compile().
    switch (e.kind) {
      case Expression::Kind::kLiteral: return literal(e.text, after);
      case Expression::Kind::kClass: return character_class(e, after);
      case Expression::Kind::kSequence: {
        for (std::size_t i = e.children.size(); i > 0; --i) after = build(e.children[i - 1], after);
        return after;
      }
      case Expression::Kind::kChoice: {
        StateId start = build(e.children.back(), after);
        for (auto child = e.children.rbegin() + 1; child != e.children.rend(); ++child) {
          start = split(build(*child, after), start);
        }
        return start;
      }
      case Expression::Kind::kRepeat: return repeat(e, after);
      case Expression::Kind::kRule: return call(e.target, after);
      case Expression::Kind::kCopyWords:
        grammar_.copies_ = true;
        return bytes(Kind::kCopy, e.escaped ? 1 : 0, 0, after);
      case Expression::Kind::kOnce: return add(make(Kind::kOnce, after, e.target));
    }
    return after;
  }

  // Where nothing is left to do after a call, nothing need be remembered: a list that ends with itself stays flat.
  StateId call(std::uint32_t rule, StateId after) {
    if (grammar_.states_[after].kind == Kind::kReturn) return add(make(Kind::kJump, rule));
    return add(make(Kind::kCall, rule, after));
  }

  StateId literal(std::string_view text, StateId after) {
    for (; !text.empty(); text.remove_suffix(1)) {
      const auto byte = static_cast<std::uint8_t>(text.back());
      after = bytes(Kind::kByte, byte, byte, after);
    }
    return after;
  }

  StateId repeat(const Expression& e, StateId after) {
    StateId start = after;
    if (e.most == Expression::kUnbounded) {
      // The loop's head is known before its body, as with rules.
      const StateId head = add(make(Kind::kSplit, 0, after));
      const StateId body = build(e.children[0], head);
      grammar_.states_[head].first = body;
      start = head;
    } else {
      for (std::uint32_t i = e.least; i < e.most && !too_large(); ++i) {
        start = split(build(e.children[0], start), after);
      }
    }
    for (std::uint32_t i = 0; i < e.least && !too_large(); ++i) start = build(e.children[0], start);
    return start;
  }

  StateId character_class(const Expression& e, StateId after) {
    std::bitset<256> ascii;
    std::vector<Utf8Range> ranges;
    for (const auto& [first, last] : e.ranges) {
      for (char32_t c = first; c <= std::min<char32_t>(last, 0x7F); ++c) ascii.set(c);
      if (last > 0x7F) append_utf8_ranges(std::max<char32_t>(first, 0x80), last, ranges);
    }
    std::vector<StateId> options;
    if (ascii.any()) options.push_back(byte_set(ascii, after));
    std::map<std::array<std::uint8_t, 4>, StateId> shared;  // Continuations that are alike, by their bytes.
    for (const Utf8Range& range : ranges) options.push_back(byte_ranges(range, after, shared));
    StateId start = options.back();
    for (auto option = options.rbegin() + 1; option != options.rend(); ++option) start = split(*option, start);
    return start;
  }

  StateId byte_set(const std::bitset<256>& set, StateId after) {
    const auto found = std::ranges::find(grammar_.byte_sets_, set);
    const auto index = static_cast<StateId>(found - grammar_.byte_sets_.begin());
    if (found == grammar_.byte_sets_.end()) grammar_.byte_sets_.push_back(set);
    return add(make(Kind::kSet, after, index));
  }

  static bool is_full_tail(const Utf8Range& range, std::size_t from) {
    for (std::size_t i = from; i < range.size; ++i) {
      if (i == 0 || range.low[i] != 0x80 || range.high[i] != 0xBF) return false;
    }
    return true;
  }

  StateId byte_ranges(const Utf8Range& range, StateId after, std::map<std::array<std::uint8_t, 4>, StateId>& shared) {
    for (std::size_t i = range.size; i-- > 0;) {
      const bool full = is_full_tail(range, i);  // Only these are shared: the last bytes of most ranges.
      const std::array<std::uint8_t, 4> key{static_cast<std::uint8_t>(range.size - i)};
      if (const auto found = full ? shared.find(key) : shared.end(); found != shared.end()) {
        after = found->second;
        continue;
      }
      after = bytes(Kind::kByte, range.low[i], range.high[i], after);
      if (full) shared.emplace(key, after);
    }
    return after;
  }

  // Which states can reach the end of their rule; without words in the source, copying leads nowhere. A state is
  // looked at again when one that it leads to has changed.
  void mark_ends(bool GrammarState::*ends, bool words) {
    auto& states = grammar_.states_;
    std::vector<StateId> open(states.size());
    std::iota(open.begin(), open.end(), 0);
    while (!open.empty()) {
      const StateId id = open.back();
      open.pop_back();
      if (states[id].*ends || !reaches_end(states[id], ends, words)) continue;
      states[id].*ends = true;
      const auto sources = sources_.data();
      open.insert(open.end(), sources + source_starts_[id], sources + source_starts_[id + 1]);
    }
  }

  // For each state, the states that lead to it: sources_[source_starts_[id] .. source_starts_[id + 1]].
  void find_sources() {
    const auto& states = grammar_.states_;
    source_starts_.assign(states.size() + 1, 0);
    const auto for_targets = [&](StateId id, auto visit) {
      const GrammarState& state = states[id];
      if (state.kind != Kind::kReturn) visit(state.first);
      if (state.kind == Kind::kSplit || state.kind == Kind::kCall) visit(state.second);
    };
    for (StateId id = 0; id < states.size(); ++id) for_targets(id, [&](StateId to) { ++source_starts_[to + 1]; });
    std::partial_sum(source_starts_.begin(), source_starts_.end(), source_starts_.begin());
    sources_.resize(source_starts_.back());
    auto next = source_starts_;
    for (StateId id = 0; id < states.size(); ++id) for_targets(id, [&](StateId to) { sources_[next[to]++] = id; });
  }

  [[nodiscard]] bool reaches_end(const GrammarState& state, bool GrammarState::*ends, bool words) const {
    const auto& states = grammar_.states_;
    switch (state.kind) {
      case Kind::kReturn: return true;
      case Kind::kCopy: return words && states[state.first].*ends;
      case Kind::kSplit: return states[state.first].*ends || states[state.second].*ends;
      case Kind::kCall: return states[state.first].*ends && states[state.second].*ends;
      case Kind::kByte:
      case Kind::kSet:
      case Kind::kJump:
      case Kind::kOnce: return states[state.first].*ends;
    }
    return false;
  }

  // Splits classes by every set and range of bytes that a state takes.
  void find_byte_classes() {
    auto& classes = grammar_.byte_classes_;
    classes.fill(0);
    std::array<std::bitset<256>, 256> seen_ranges{};  // [low] the highs that were handled.
    for (const std::bitset<256>& set : grammar_.byte_sets_) refine(classes, set);
    for (const GrammarState& state : grammar_.states_) {
      if (state.kind != Kind::kByte || seen_ranges[state.low].test(state.high)) continue;
      seen_ranges[state.low].set(state.high);
      std::bitset<256> set;
      for (std::size_t byte = state.low; byte <= state.high; ++byte) set.set(byte);
      refine(classes, set);
    }
  }

  static void refine(std::array<std::uint8_t, 256>& classes, const std::bitset<256>& set) {
    std::map<std::pair<std::uint8_t, bool>, std::uint8_t> renamed;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const auto next = static_cast<std::uint8_t>(renamed.size());
      classes[byte] = renamed.emplace(std::pair(classes[byte], set.test(byte)), next).first->second;
    }
  }

  const Syntax& syntax_;
  const GrammarLimits& limits_;
  Grammar grammar_;
  std::size_t work_ = 0;
  std::vector<std::uint32_t> source_starts_;
  std::vector<StateId> sources_;
};

Result<Grammar> Grammar::compile(std::string_view text, const GrammarLimits& limits) {
  LINNET_TRY(const Syntax syntax, parse_grammar(text, limits));
  LINNET_CHECK(check_grammar(syntax));
  return GrammarCompiler(syntax, limits).compile();
}

}  // namespace linnet::text
