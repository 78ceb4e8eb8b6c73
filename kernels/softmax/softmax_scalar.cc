#include "kernels/math/lanes.h"
#include "kernels/math/math.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::scalar {

float softmax_mass(const float* logits, std::size_t count, float largest, float temperature) {
  LaneSum sum;
  for (std::size_t i = 0; i < count; ++i) sum.add(i, math::exp((logits[i] - largest) / temperature));
  return sum.total();
}

}  // namespace linnet::kernels::scalar
