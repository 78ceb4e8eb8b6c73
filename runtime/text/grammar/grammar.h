// A compiled grammar: a pushdown automaton over bytes.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/grammar/syntax.h"

namespace linnet::text {

using StateId = std::uint32_t;

// One state of the automaton. A rule is entered by kCall, which remembers `second`, and left by kReturn.
struct GrammarState {
  enum class Kind : std::uint8_t {
    kByte,   // Takes a byte of low .. high, goes to `first`.
    kSet,    // Takes a byte of byte_sets[second], goes to `first`.
    kCopy,   // Takes words of the source, goes to `first`; low is 1 where they are escaped as in JSON.
    kSplit,  // Goes to `first` and to `second`.
    kJump,   // Goes to `first`: also a call from which nothing is left to do.
    kCall,   // Enters the rule that starts at `first`; it returns to `second`.
    kOnce,   // Goes to `first` where the text has not been here; `second` is its number, below 64.
    kReturn,
  };
  Kind kind = Kind::kReturn;
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  // Whether the rule's end can be reached from here, where the source text has words and where it has none.
  bool ends_with_words = false;
  bool ends_without_words = false;
  StateId first = 0;
  StateId second = 0;
};

// Immutable; threads may share it.
class Grammar {
 public:
  // Errors: kMalformed with line and column: syntax, undefined or unreachable rules, left recursion, rules that can
  // never end; kExhausted (more states than `limits` allow).
  [[nodiscard]] static Result<Grammar> compile(std::string_view text, const GrammarLimits& limits = {});

  [[nodiscard]] const std::vector<GrammarState>& states() const { return states_; }
  [[nodiscard]] const std::vector<std::bitset<256>>& byte_sets() const { return byte_sets_; }
  [[nodiscard]] StateId start() const { return start_; }

  // Bytes of one class are alike to every state (but for copying): class numbers, from 0.
  [[nodiscard]] const std::array<std::uint8_t, 256>& byte_classes() const { return byte_classes_; }

  // Memory that it takes.
  [[nodiscard]] std::size_t bytes() const {
    return states_.size() * sizeof(GrammarState) + byte_sets_.size() * sizeof(byte_sets_.front()) + sizeof(Grammar);
  }

  // Whether the grammar copies from a source text at all.
  [[nodiscard]] bool copies() const { return copies_; }

 private:
  friend class GrammarCompiler;
  std::vector<GrammarState> states_;
  std::vector<std::bitset<256>> byte_sets_;
  std::array<std::uint8_t, 256> byte_classes_{};
  StateId start_ = 0;
  bool copies_ = false;
};

}  // namespace linnet::text
