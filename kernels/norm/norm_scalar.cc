#include <cmath>

#include "kernels/math/lanes.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::LINNET_SCALAR {

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  LaneSum squares;
  for (std::size_t i = 0; i < width; ++i) squares.multiply_add(i, in[i], in[i]);
  const float mean = squares.total() / static_cast<float>(width);
  const float inverse = 1.0F / std::sqrt(mean + epsilon);
  for (std::size_t i = 0; i < width; ++i) out[i] = (in[i] * inverse) * weight[i];
}

void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out) {
  LaneSum sum;
  for (std::size_t i = 0; i < width; ++i) sum.add(i, in[i]);
  const float mean = sum.total() / static_cast<float>(width);
  LaneSum squares;
  for (std::size_t i = 0; i < width; ++i) squares.multiply_add(i, in[i] - mean, in[i] - mean);
  const float variance = squares.total() / static_cast<float>(width);
  const float inverse = 1.0F / std::sqrt(variance + epsilon);
  for (std::size_t i = 0; i < width; ++i) out[i] = ((in[i] - mean) * inverse) * weight[i] + bias[i];
}

void unit_norm(float* in_out, float epsilon, float scale, std::size_t width) {
  LaneSum squares;
  for (std::size_t i = 0; i < width; ++i) squares.multiply_add(i, in_out[i], in_out[i]);
  const float factor = scale * (1.0F / std::sqrt(squares.total() + epsilon));
  for (std::size_t i = 0; i < width; ++i) in_out[i] *= factor;
}

}  // namespace linnet::kernels::LINNET_SCALAR
