#include <cmath>

#include "kernels/math/lanes.h"
#include "kernels/math/math.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

float mass(const float* logits, std::size_t count, float largest, float temperature) {
  LaneSum sum;
  for (std::size_t i = 0; i < count; ++i) sum.add(i, math::exp((logits[i] - largest) / temperature));
  return sum.total();
}

std::size_t largest(const float* logits, std::size_t count) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(logits[i])) return count;
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

}  // namespace

const Softmax kSoftmax{mass, largest};

}  // namespace linnet::kernels::LINNET_SCALAR
