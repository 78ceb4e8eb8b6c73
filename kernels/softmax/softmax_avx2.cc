#include "kernels/math/vector_avx2.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::avx2 {

float softmax_mass(const float* logits, std::size_t count, float largest, float temperature) {
  const __m256 most = _mm256_set1_ps(largest);
  const __m256 divisor = _mm256_set1_ps(temperature);
  return lane_total(logits, count, [=](__m256 x, __m256 lane) {
    return _mm256_add_ps(lane, exp(_mm256_div_ps(_mm256_sub_ps(x, most), divisor)));
  });
}

}  // namespace linnet::kernels::avx2
