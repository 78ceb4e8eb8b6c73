#include "kernels/math/vector_avx2.h"
#include "kernels/norm/norm.h"

namespace linnet::kernels::avx2 {
namespace {

// 1 / sqrt(x)
__m256 inverse_root(float x) { return _mm256_set1_ps(1.0F / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)))); }

}  // namespace

void rms_norm(const float* in, const float* weight, float epsilon, std::size_t width, float* out) {
  const float squares = lane_total(in, width, [](__m256 x, __m256 lane) { return _mm256_fmadd_ps(x, x, lane); });
  const __m256 inverse = inverse_root(squares / static_cast<float>(width) + epsilon);
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

void layer_norm(const float* in, const float* weight, const float* bias, float epsilon, std::size_t width, float* out) {
  const float sum = lane_total(in, width, [](__m256 x, __m256 lane) { return _mm256_add_ps(lane, x); });
  const __m256 mean = _mm256_set1_ps(sum / static_cast<float>(width));
  const float squares = lane_total(in, width, [mean](__m256 x, __m256 lane) {
    const __m256 difference = _mm256_sub_ps(x, mean);
    return _mm256_fmadd_ps(difference, difference, lane);
  });
  const __m256 inverse = inverse_root(squares / static_cast<float>(width) + epsilon);
  for (std::size_t i = 0; i < width; i += 8) {
    const __m256i mask = first_lanes(width - i);
    const __m256 scaled = _mm256_mul_ps(_mm256_sub_ps(_mm256_maskload_ps(in + i, mask), mean), inverse);
    const __m256 weighted = _mm256_mul_ps(scaled, _mm256_maskload_ps(weight + i, mask));
    _mm256_maskstore_ps(out + i, mask, _mm256_add_ps(weighted, _mm256_maskload_ps(bias + i, mask)));
  }
}

void unit_norm(float* in_out, float epsilon, float scale, std::size_t width) {
  const float squares = lane_total(in_out, width, [](__m256 x, __m256 lane) { return _mm256_fmadd_ps(x, x, lane); });
  const __m256 factor = _mm256_mul_ps(_mm256_set1_ps(scale), inverse_root(squares + epsilon));
  for (std::size_t i = 0; i < width; i += 8) {
    const __m256i mask = first_lanes(width - i);
    _mm256_maskstore_ps(in_out + i, mask, _mm256_mul_ps(_mm256_maskload_ps(in_out + i, mask), factor));
  }
}

}  // namespace linnet::kernels::avx2
