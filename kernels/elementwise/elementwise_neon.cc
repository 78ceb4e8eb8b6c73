#include "kernels/elementwise/elementwise.h"
#include "kernels/math/vector_neon.h"

namespace linnet::kernels::neon {
namespace {

// out = operation(a, b), the last register in part.
template <class Operation>
void for_each(const float* a, const float* b, float* out, std::size_t count, Operation operation) {
  for (std::size_t i = 0; i < count; i += 4) {
    const std::size_t left = count - i;
    store_tail(out + i, left, operation(load_tail(a + i, left), load_tail(b + i, left)));
  }
}

void silu_multiply(const float* gate, const float* up, float* out, std::size_t count) {
  for_each(gate, up, out, count, [](float32x4_t x, float32x4_t y) {
    const float32x4_t silu = vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0F), exp(vnegq_f32(x))));
    return vmulq_f32(silu, y);
  });
}

void sigmoid_multiply(const float* gate, const float* value, float* out, std::size_t count) {
  for_each(gate, value, out, count,
           [](float32x4_t x, float32x4_t y) { return vdivq_f32(y, vaddq_f32(vdupq_n_f32(1.0F), exp(vnegq_f32(x)))); });
}

void clamped_swiglu(const float* gate, const float* up, const Swiglu& form, float* out, std::size_t count) {
  const float32x4_t limit = vdupq_n_f32(form.limit);
  const float32x4_t one = vdupq_n_f32(1.0F);
  const float32x4_t slope = vdupq_n_f32(form.slope);
  for_each(gate, up, out, count, [=](float32x4_t x, float32x4_t y) {
    const float32x4_t g = vminq_f32(x, limit);
    const float32x4_t u = vmaxq_f32(vminq_f32(y, limit), vnegq_f32(limit));
    const float32x4_t decay = exp(vnegq_f32(vmulq_f32(slope, g)));
    return vmulq_f32(vaddq_f32(u, one), vdivq_f32(g, vaddq_f32(one, decay)));
  });
}

void add(const float* a, const float* b, float* out, std::size_t count) {
  for_each(a, b, out, count, [](float32x4_t x, float32x4_t y) { return vaddq_f32(x, y); });
}

void scale(const float* in, float factor, float* out, std::size_t count) {
  const float32x4_t factors = vdupq_n_f32(factor);
  for_each(in, in, out, count, [factors](float32x4_t x, float32x4_t) { return vmulq_f32(x, factors); });
}

void gelu(const float* in, float* out, std::size_t count) {
  using math::Gelu;
  const float32x4_t one = vdupq_n_f32(1.0F);
  for_each(in, in, out, count, [one](float32x4_t x, float32x4_t) {
    const float32x4_t z = vmulq_f32(vabsq_f32(x), vdupq_n_f32(Gelu::kRootHalf));
    const float32x4_t t = vdivq_f32(one, vfmaq_f32(one, vdupq_n_f32(Gelu::kP), z));
    float32x4_t series = vfmaq_f32(vdupq_n_f32(Gelu::kA4), vdupq_n_f32(Gelu::kA5), t);
    series = vfmaq_f32(vdupq_n_f32(Gelu::kA3), series, t);
    series = vfmaq_f32(vdupq_n_f32(Gelu::kA2), series, t);
    series = vfmaq_f32(vdupq_n_f32(Gelu::kA1), series, t);
    const float32x4_t decay = exp(vnegq_f32(vmulq_f32(z, z)));
    const float32x4_t upper = vmulq_f32(vmulq_f32(vmulq_f32(series, t), decay), vdupq_n_f32(0.5F));
    const uint32x4_t negative = vcltq_f32(x, vdupq_n_f32(0.0F));
    return vmulq_f32(x, vbslq_f32(negative, upper, vsubq_f32(one, upper)));
  });
}

}  // namespace

const Elementwise kElementwise{silu_multiply, sigmoid_multiply, clamped_swiglu, add, scale, gelu};

}  // namespace linnet::kernels::neon
