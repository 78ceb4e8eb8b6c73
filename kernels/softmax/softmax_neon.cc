#include "kernels/math/vector_neon.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::neon {

float softmax_mass(const float* logits, std::size_t count, float largest, float temperature) {
  const float32x4_t most = vdupq_n_f32(largest);
  const float32x4_t divisor = vdupq_n_f32(temperature);
  return lane_total(logits, count, [=](float32x4_t x, float32x4_t lane) {
    return vaddq_f32(lane, exp(vdivq_f32(vsubq_f32(x, most), divisor)));
  });
}

}  // namespace linnet::kernels::neon
