#include "kernels/math/vector_avx2.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::avx2 {
namespace {

float sum_of_squares(const float* in, std::size_t width) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= width; i += 16) {
    const __m256 a = _mm256_loadu_ps(in + i);
    const __m256 b = _mm256_loadu_ps(in + i + 8);
    low = _mm256_fmadd_ps(a, a, low);
    high = _mm256_fmadd_ps(b, b, high);
  }
  const std::size_t tail = width - i;
  if (tail > 0) {
    const __m256i mask = first_lanes(tail);
    const __m256 a = _mm256_maskload_ps(in + i, mask);
    low = multiply_add_where(mask, a, a, low);
  }
  if (tail > 8) {
    const __m256i mask = first_lanes(tail - 8);
    const __m256 b = _mm256_maskload_ps(in + i + 8, mask);
    high = multiply_add_where(mask, b, b, high);
  }
  return total(low, high);
}

}  // namespace

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  const __m128 mean = _mm_set_ss(sum_of_squares(in, width) / static_cast<float>(width) + epsilon);
  const __m256 inverse = _mm256_set1_ps(1.0F / _mm_cvtss_f32(_mm_sqrt_ss(mean)));
  std::size_t i = 0;
  for (; i + 8 <= width; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(in + i), inverse);
    _mm256_storeu_ps(out + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + i)));
  }
  if (i < width) {
    const __m256i mask = first_lanes(width - i);
    const __m256 scaled = _mm256_mul_ps(_mm256_maskload_ps(in + i, mask), inverse);
    _mm256_maskstore_ps(out + i, mask, _mm256_mul_ps(scaled, _mm256_maskload_ps(weight + i, mask)));
  }
}

}  // namespace linnet::kernels::avx2
