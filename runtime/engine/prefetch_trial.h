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

  [[nodiscard]] bool decided() const { return steps_ == kSteps; }

  // Whether the product that comes asks ahead.
  [[nodiscard]] bool ahead() const {
    return decided() ? milliseconds_[1] < milliseconds_[0] : (products_ + steps_) % 2 == 1;
  }

  // What that product took, of a step of one row.
  void add(double milliseconds) {
    milliseconds_[ahead() ? 1 : 0] += milliseconds;
    ++products_;
  }

  // All products of a step of one row have been added.
  void end_step() {
    if (decided()) return;
    ++steps_;
    products_ = 0;
  }

 private:
  double milliseconds_[2] = {};  // Of all products that did not ask ahead, and of those that did.
  std::size_t products_ = 0;     // Of this step.
  std::size_t steps_ = 0;
};

}  // namespace linnet::engine
