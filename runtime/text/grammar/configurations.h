// The places that a grammar can be in after some text, found as they are needed and remembered: a lazy automaton.
//
// A configuration is a set of (state, stack, place in the source, names of %once-NAME gone through). Equal sets are one
// configuration with one number, and where a byte leads from it is computed once, so that most steps are a look into a
// table. Stacks share their lower parts. Memory is fixed: when it is full, everything but the configurations in use is
// forgotten and found again.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/text/grammar/copy_source.h"
#include "runtime/text/grammar/grammar.h"

namespace linnet::text {

struct ConstraintLimits {
  std::size_t source_bytes = 4096;  // Of the text that is copied from.
  std::size_t depth = 64;           // Of rules inside rules; what needs more is not allowed.
  std::size_t words = 1 << 18;      // Of 4 bytes, for configurations; there are two such blocks.
  std::size_t stacks = 1 << 14;     // Distinct stacks at a time; likewise two.
};

using Configuration = std::uint32_t;
inline constexpr Configuration kNowhere = 0;  // No text goes on from here.

class Configurations {
 public:
  explicit Configurations(const ConstraintLimits& limits);

  // Memory that the limits come to.
  [[nodiscard]] static std::size_t bytes_for(const ConstraintLimits& limits);

  // Begins anew; `grammar` must outlive what follows. Errors: kExhausted (the source is longer than planned, or the
  // first configuration does not fit).
  [[nodiscard]] Result<Configuration> start(const Grammar& grammar, std::string_view source);

  // Where `byte` leads; kNowhere where the grammar does not allow it. May move configurations: every number that must
  // stay valid is in `live`, which holds `from` and is renumbered. After it, ask failed().
  [[nodiscard]] Configuration step(Configuration from, std::uint8_t byte, std::span<Configuration> live) {
    const Configuration known = words_[from + kHead + classes_[byte]];
    return known != kUnknown ? known : find(from, byte, live);
  }

  // Bytes of one class lead to the same place from everywhere.
  [[nodiscard]] std::uint8_t byte_class(std::uint8_t byte) const { return classes_[byte]; }

  // Whether the text may end here.
  [[nodiscard]] bool may_end(Configuration at) const { return (words_[at] & kMayEnd) != 0; }
  // Whether any byte may follow.
  [[nodiscard]] bool may_go_on(Configuration at) const { return at != kNowhere && (words_[at] >> 1) != 0; }

  // How often everything was forgotten: numbers from before are void.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  // Whether memory was too small for one step, which then was answered with kNowhere.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  // A block of words_ holds, for one configuration: 2 * element count + may end; hash; one number a byte class; then
  // the elements.
  static constexpr std::uint32_t kHead = 2;
  static constexpr std::uint32_t kElementWords = 5;
  static constexpr std::uint32_t kMayEnd = 1;
  static constexpr Configuration kUnknown = 0xFFFFFFFF;
  static constexpr std::uint32_t kNoStack = 0;

  struct Element {
    StateId state;
    std::uint32_t stack;
    std::uint32_t place;  // In the source, of a copying state.
    std::uint64_t used;   // Bit i: the text went through the i-th name of %once-NAME.
    friend auto operator<=>(const Element&, const Element&) = default;
  };
  struct Stack {
    StateId state = 0;  // Where the innermost rule returns to.
    std::uint32_t below = kNoStack;
    std::uint32_t depth = 0;
  };

  [[nodiscard]] Configuration find(Configuration from, std::uint8_t byte, std::span<Configuration> live);
  [[nodiscard]] bool compute(Configuration from, std::uint8_t byte);
  [[nodiscard]] Element read(const std::uint32_t* words) const;
  [[nodiscard]] bool close(Element at);
  [[nodiscard]] bool close_one(Element at);
  [[nodiscard]] bool enter_copy(Element at);
  [[nodiscard]] bool later(Element element);
  [[nodiscard]] bool ends(StateId state) const;
  [[nodiscard]] bool push(StateId state, std::uint32_t below, std::uint32_t& out);
  [[nodiscard]] Configuration intern();
  [[nodiscard]] Configuration place(std::span<const Element> elements, std::uint32_t head, std::uint32_t hash);
  void forget(std::span<Configuration> live);
  [[nodiscard]] bool move(Configuration& at, const std::vector<std::uint32_t>& words, const std::vector<Stack>& stacks);
  void clear_block();
  void set_classes();

  ConstraintLimits limits_;
  const Grammar* grammar_ = nullptr;
  CopySource source_;
  std::array<std::uint8_t, 256> classes_{};
  std::uint32_t class_count_ = 0;

  std::vector<std::uint32_t> words_;  // The block in use, and the one to move to.
  std::vector<std::uint32_t> spare_words_;
  std::size_t used_words_ = 0;
  std::vector<Stack> stacks_;
  std::vector<Stack> spare_stacks_;
  std::size_t used_stacks_ = 0;
  std::vector<std::uint32_t> by_content_;  // Hash table of configurations.
  std::vector<std::uint32_t> by_stack_;    // Hash table of stacks.
  std::uint32_t generation_ = 0;
  bool failed_ = false;

  // While one configuration is computed.
  std::vector<Element> elements_;
  std::vector<Element> open_;     // Where to go on without taking a byte.
  std::vector<Element> visited_;  // Hash table of what was open, valid where its stamp is the present one.
  std::vector<std::uint32_t> stamps_;
  std::uint32_t stamp_ = 0;
  bool may_end_ = false;
  std::size_t visited_count_ = 0;
};

}  // namespace linnet::text
