#include "runtime/engine/prefill_pace.h"

#include <algorithm>

namespace linnet::engine {
namespace {

// Of a new measurement: one that was disturbed is forgotten within ten steps.
constexpr double kWeight = 0.25;

void follow(double& value, double measured) { value += (value == 0 ? 1 : kWeight) * (measured - value); }

}  // namespace

std::size_t PrefillPace::rows_beside(std::size_t decoding) const {
  if (alone_[decoding] == 0 || since_look_ >= kStepsBetweenLooks) return 0;
  // Twice as many as last time at most: what a row costs among few says little of what it costs among many.
  const std::size_t most = std::max<std::size_t>(1, 2 * last_);
  const double affordable = row_ > 0 ? alone_[decoding] * (kSlowdown - 1) / row_ : static_cast<double>(most);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::min(affordable, static_cast<double>(most))), 1, most);
}

void PrefillPace::note(std::size_t decoding, std::size_t prompts, double milliseconds) {
  if (decoding == 0) return;
  if (prompts == 0) {
    follow(alone_[decoding], milliseconds);
    since_look_ = 0;
    return;
  }
  const double added = std::max(0.0, milliseconds - alone_[decoding]);
  follow(row_, added / static_cast<double>(prompts));
  last_ = prompts;
  ++since_look_;
}

}  // namespace linnet::engine
