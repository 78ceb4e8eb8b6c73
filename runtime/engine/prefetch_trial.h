// Whether decoding asks the memory for weights ahead of their use (Q8Activations::ahead), found out while it runs.
//
// Both ways give the same bits, and which is faster depends on the machine: so the first tokens try them by turns,
// product by product, and the faster one stays.
#pragma once

#include <cstddef>

namespace linnet::engine {

class PrefetchTrial {
 public:
  static constexpr std::size_t kSteps = 16;  // Even: each product has gone as often each way.
  static constexpr std::size_t kRows = 16;   // The most of a step that is bound by reading weights, and so takes part.

  // How much a step computes: steps of two sizes are not compared.
  struct Size {
    std::size_t rows;
    std::size_t outputs;
    bool operator==(const Size&) const = default;
  };

  [[nodiscard]] bool decided() const { return steps_ == kSteps; }

  // Whether a step of so many rows is to be timed.
  [[nodiscard]] bool tries(std::size_t rows) const { return !decided() && rows <= kRows; }

  // Whether the product that comes asks ahead.
  [[nodiscard]] bool ahead() const {
    return decided() ? milliseconds_[1] < milliseconds_[0] : (products_ + steps_) % 2 == 1;
  }

  // What that product took, of a step that is timed.
  void add(double milliseconds) {
    pair_[ahead() ? 1 : 0] += milliseconds;
    ++products_;
  }

  // All products of a timed step have been added. Steps count in pairs, in which each product goes both ways: a pair of
  // two sizes is forgotten. After the decision it changes nothing.
  void end_step(const Size& size) {
    if (decided()) return;
    products_ = 0;
    if (steps_ % 2 == 0) {
      first_ = size;
      ++steps_;
      return;
    }
    const bool counts = size == first_;
    for (std::size_t way = 0; way < 2; ++way) {
      if (counts) milliseconds_[way] += pair_[way];
      pair_[way] = 0;
    }
    steps_ = counts ? steps_ + 1 : steps_ - 1;
  }

 private:
  double milliseconds_[2] = {};  // Of all products that did not ask ahead, and of those that did.
  double pair_[2] = {};          // The same of the pair of steps that is under way.
  Size first_{};                 // Its first step.
  std::size_t products_ = 0;     // Of this step.
  std::size_t steps_ = 0;
};

}  // namespace linnet::engine
