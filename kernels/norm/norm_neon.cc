#include "kernels/math/vector_neon.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::neon {
namespace {

float sum_of_squares(const float* in, std::size_t width) {
  Lanes lanes = zero_lanes();
  std::size_t i = 0;
  for (; i + 16 <= width; i += 16) {
    for (std::size_t q = 0; q < 4; ++q) {
      const float32x4_t x = vld1q_f32(in + i + 4 * q);
      lanes.quads[q] = vfmaq_f32(lanes.quads[q], x, x);
    }
  }
  for (std::size_t q = 0; i + 4 * q < width; ++q) {
    const std::size_t count = width - i - 4 * q;
    const float32x4_t x = load_tail(in + i + 4 * q, count);
    lanes.quads[q] = multiply_add_first(count, x, x, lanes.quads[q]);
  }
  return total(lanes);
}

}  // namespace

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  const float mean = sum_of_squares(in, width) / static_cast<float>(width);
  const float root = vget_lane_f32(vsqrt_f32(vdup_n_f32(mean + epsilon)), 0);
  const float32x4_t inverse = vdupq_n_f32(1.0F / root);
  for (std::size_t i = 0; i < width; i += 4) {
    const float32x4_t scaled = vmulq_f32(load_tail(in + i, width - i), inverse);
    store_tail(out + i, width - i, vmulq_f32(scaled, load_tail(weight + i, width - i)));
  }
}

}  // namespace linnet::kernels::neon
