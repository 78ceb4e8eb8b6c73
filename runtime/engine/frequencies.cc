#include "runtime/engine/frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/rotate/rotate.h"

namespace linnet::engine {
namespace {

using models::Rotation;
using models::Stretch;

// The number of the pair, not whole, that turns `turns` times in the original context.
double pair_of(const Rotation& rotation, double turns) {
  const auto context = static_cast<double>(rotation.stretch.original_context);
  const double pairs = static_cast<double>(rotation.dimensions) / 2.0;
  return pairs * std::log(context / (turns * 2.0 * std::numbers::pi)) / std::log(rotation.base);
}

// How much of pair i is divided, between the first pair that is touched and the first that is wholly.
void stretch_yarn(const Rotation& rotation, std::span<double> frequencies) {
  const double last = static_cast<double>(rotation.dimensions) - 1.0;
  const bool rounded = rotation.stretch.whole_pairs;
  const double fast = pair_of(rotation, rotation.stretch.fast_turns);
  const double slow = pair_of(rotation, rotation.stretch.slow_turns);
  const double first = std::max(0.0, rounded ? std::floor(fast) : fast);
  double whole = std::min(last, rounded ? std::ceil(slow) : slow);
  if (whole == first) whole += 0.001;  // As the reference has it.
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double share = std::clamp((static_cast<double>(i) - first) / (whole - first), 0.0, 1.0);
    frequencies[i] = frequencies[i] / rotation.stretch.factor * share + frequencies[i] * (1.0 - share);
  }
}

}  // namespace

void fill_frequencies(const Rotation& rotation, std::span<const float> factors, std::span<double> frequencies) {
  const float* const divisors = factors.empty() ? nullptr : factors.data();
  kernels::fill_frequencies(rotation.base, frequencies.size(), divisors, frequencies.data());
  if (rotation.stretch.kind == Stretch::Kind::kLinear) {
    for (double& frequency : frequencies) frequency /= rotation.stretch.factor;
  } else if (rotation.stretch.kind == Stretch::Kind::kYarn) {
    stretch_yarn(rotation, frequencies);
  }
}

}  // namespace linnet::engine
