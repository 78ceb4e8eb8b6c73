// Which cores a model's threads get, and how many threads that makes: a pure function, so that tests hold every board.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "hal/board.h"

namespace linnet::hal {

struct Placement {
  std::vector<unsigned> cores;  // Ascending. At least one.
  std::size_t threads = 1;      // At most one a core; fewer where a control group allows less time.
  std::string why;              // "4 of 8 cores: the fast ones", for people.
};

// Of the cores that the affinity mask allows (`allowed`, ascending): not isolated ones, unless the mask holds nothing
// else; one thread of each physical core; of unequal cores those that reach half the fastest one's capacity. Slower
// ones would make every operation's end wait for their last chunk; measured speed then splits the work among those that
// stay, chunk by chunk (engine::ThreadPool).
[[nodiscard]] Placement place_threads(const Facts& facts, std::span<const unsigned> allowed);

}  // namespace linnet::hal
