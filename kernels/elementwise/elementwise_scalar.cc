#include "kernels/elementwise/elementwise.h"
#include "kernels/math/math.h"

namespace linnet::kernels::scalar {
namespace {

void silu_multiply(const float* gate, const float* up, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = math::silu(gate[i]) * up[i];
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

const Elementwise kElementwise{silu_multiply, add, scale, gelu};

}  // namespace linnet::kernels::scalar
