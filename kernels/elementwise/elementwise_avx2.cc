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

void add(const float* a, const float* b, float* out, std::size_t count) {
  for_each(a, b, out, count, [](__m256 x, __m256 y) { return _mm256_add_ps(x, y); });
}

void scale(const float* in, float factor, float* out, std::size_t count) {
  const __m256 factors = _mm256_set1_ps(factor);
  for_each(in, in, out, count, [factors](__m256 x, __m256) { return _mm256_mul_ps(x, factors); });
}

}  // namespace

const Elementwise kElementwise{silu_multiply, add, scale};

}  // namespace linnet::kernels::avx2
