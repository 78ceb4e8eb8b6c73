#include "kernels/math/vector_neon.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::neon {
namespace {

// 1 / sqrt(x)
float32x4_t inverse_root(float x) { return vdupq_n_f32(1.0F / vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0)); }

}  // namespace

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  const float squares = lane_total(in, width, [](float32x4_t x, float32x4_t lane) { return vfmaq_f32(lane, x, x); });
  const float32x4_t inverse = inverse_root(squares / static_cast<float>(width) + epsilon);
  for (std::size_t i = 0; i < width; i += 4) {
    const float32x4_t scaled = vmulq_f32(load_tail(in + i, width - i), inverse);
    store_tail(out + i, width - i, vmulq_f32(scaled, load_tail(weight + i, width - i)));
  }
}

void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out) {
  const float sum = lane_total(in, width, [](float32x4_t x, float32x4_t lane) { return vaddq_f32(lane, x); });
  const float32x4_t mean = vdupq_n_f32(sum / static_cast<float>(width));
  const float squares = lane_total(in, width, [mean](float32x4_t x, float32x4_t lane) {
    const float32x4_t difference = vsubq_f32(x, mean);
    return vfmaq_f32(lane, difference, difference);
  });
  const float32x4_t inverse = inverse_root(squares / static_cast<float>(width) + epsilon);
  for (std::size_t i = 0; i < width; i += 4) {
    const std::size_t left = width - i;
    const float32x4_t scaled = vmulq_f32(vsubq_f32(load_tail(in + i, left), mean), inverse);
    const float32x4_t weighted = vmulq_f32(scaled, load_tail(weight + i, left));
    store_tail(out + i, left, vaddq_f32(weighted, load_tail(bias + i, left)));
  }
}

void unit_norm(float* in_out, float epsilon, float scale, std::size_t width) {
  const float squares =
      lane_total(in_out, width, [](float32x4_t x, float32x4_t lane) { return vfmaq_f32(lane, x, x); });
  const float32x4_t factor = vmulq_f32(vdupq_n_f32(scale), inverse_root(squares + epsilon));
  for (std::size_t i = 0; i < width; i += 4) {
    store_tail(in_out + i, width - i, vmulq_f32(load_tail(in_out + i, width - i), factor));
  }
}

}  // namespace linnet::kernels::neon
