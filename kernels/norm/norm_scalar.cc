#include <cmath>

#include "kernels/math/lanes.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::scalar {

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  LaneSum squares;
  for (std::size_t i = 0; i < width; ++i) squares.multiply_add(i, in[i], in[i]);
  const float mean = squares.total() / static_cast<float>(width);
  const float inverse = 1.0F / std::sqrt(mean + epsilon);
  for (std::size_t i = 0; i < width; ++i) out[i] = (in[i] * inverse) * weight[i];
}

}  // namespace linnet::kernels::scalar
