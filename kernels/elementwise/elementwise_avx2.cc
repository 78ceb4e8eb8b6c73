#include "kernels/elementwise/elementwise.h"
#include "kernels/math/vector_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

// out = operation(a, b) over whole registers, then the tail under a mask.
template <class Operation>
void for_each(const float* a, const float* b, float* out, std::size_t count, Operation operation) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, operation(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
  if (i < count) {
    const __m256i mask = first_lanes(count - i);
    _mm256_maskstore_ps(out + i, mask, operation(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask)));
  }
}

void silu_multiply(const float* gate, const float* up, float* out, std::size_t count) {
  for_each(gate, up, out, count, [](__m256 x, __m256 y) {
    const __m256 minus_x = _mm256_xor_ps(x, _mm256_set1_ps(-0.0F));
    const __m256 silu = _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0F), exp(minus_x)));
    return _mm256_mul_ps(silu, y);
  });
}

void sigmoid_multiply(const float* gate, const float* value, float* out, std::size_t count) {
  for_each(gate, value, out, count, [](__m256 x, __m256 y) {
    const __m256 minus_x = _mm256_xor_ps(x, _mm256_set1_ps(-0.0F));
    return _mm256_div_ps(y, _mm256_add_ps(_mm256_set1_ps(1.0F), exp(minus_x)));
  });
}

void clamped_swiglu(const float* gate, const float* up, const Swiglu& form, float* out, std::size_t count) {
  const __m256 limit = _mm256_set1_ps(form.limit);
  const __m256 sign = _mm256_set1_ps(-0.0F);
  const __m256 one = _mm256_set1_ps(1.0F);
  const __m256 slope = _mm256_set1_ps(form.slope);
  for_each(gate, up, out, count, [=](__m256 x, __m256 y) {
    const __m256 g = _mm256_min_ps(x, limit);
    const __m256 u = _mm256_max_ps(_mm256_min_ps(y, limit), _mm256_xor_ps(limit, sign));
    const __m256 decay = exp(_mm256_xor_ps(_mm256_mul_ps(slope, g), sign));
    return _mm256_mul_ps(_mm256_add_ps(u, one), _mm256_div_ps(g, _mm256_add_ps(one, decay)));
  });
}

void add(const float* a, const float* b, float* out, std::size_t count) {
  for_each(a, b, out, count, [](__m256 x, __m256 y) { return _mm256_add_ps(x, y); });
}

void scale(const float* in, float factor, float* out, std::size_t count) {
  const __m256 factors = _mm256_set1_ps(factor);
  for_each(in, in, out, count, [factors](__m256 x, __m256) { return _mm256_mul_ps(x, factors); });
}

void gelu(const float* in, float* out, std::size_t count) {
  using math::Gelu;
  const __m256 sign = _mm256_set1_ps(-0.0F);
  const __m256 one = _mm256_set1_ps(1.0F);
  for_each(in, in, out, count, [=](__m256 x, __m256) {
    const __m256 z = _mm256_mul_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(Gelu::kRootHalf));
    const __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(_mm256_set1_ps(Gelu::kP), z, one));
    __m256 series = _mm256_fmadd_ps(_mm256_set1_ps(Gelu::kA5), t, _mm256_set1_ps(Gelu::kA4));
    series = _mm256_fmadd_ps(series, t, _mm256_set1_ps(Gelu::kA3));
    series = _mm256_fmadd_ps(series, t, _mm256_set1_ps(Gelu::kA2));
    series = _mm256_fmadd_ps(series, t, _mm256_set1_ps(Gelu::kA1));
    const __m256 decay = exp(_mm256_xor_ps(_mm256_mul_ps(z, z), sign));
    const __m256 upper = _mm256_mul_ps(_mm256_mul_ps(_mm256_mul_ps(series, t), decay), _mm256_set1_ps(0.5F));
    const __m256 negative = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_mul_ps(x, _mm256_blendv_ps(_mm256_sub_ps(one, upper), upper, negative));
  });
}

}  // namespace

const Elementwise kElementwise{silu_multiply, sigmoid_multiply, clamped_swiglu, add, scale, gelu};

}  // namespace linnet::kernels::avx2
