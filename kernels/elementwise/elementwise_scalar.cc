#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "kernels/math/math.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

void silu_multiply(const float* gate, const float* up, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = math::silu(gate[i]) * up[i];
}

void sigmoid_multiply(const float* gate, const float* value, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = value[i] / (1.0F + math::exp(-gate[i]));
}

void clamped_swiglu(const float* gate, const float* up, const Swiglu& form, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float g = std::min(gate[i], form.limit);
    const float u = std::max(std::min(up[i], form.limit), -form.limit);
    out[i] = (u + 1.0F) * (g / (1.0F + math::exp(-(form.slope * g))));
  }
}

void add(const float* a, const float* b, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void scale(const float* in, float factor, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = in[i] * factor;
}

void gelu(const float* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = math::gelu(in[i]);
}

}  // namespace

const Elementwise kElementwise{silu_multiply, sigmoid_multiply, clamped_swiglu, add, scale, gelu};

}  // namespace linnet::kernels::LINNET_SCALAR
