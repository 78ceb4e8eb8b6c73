#include "kernels/math/vector_avx2.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::avx2 {
namespace {

// Dividing by 1 changes no bit, and a division costs as much as a third of the exponential.
float mass(const float* logits, std::size_t count, float largest, float temperature) {
  const __m256 most = _mm256_set1_ps(largest);
  const __m256 divisor = _mm256_set1_ps(temperature);
  if (temperature == 1.0F) {
    return lane_total(logits, count,
                      [=](__m256 x, __m256 lane) { return _mm256_add_ps(lane, exp(_mm256_sub_ps(x, most))); });
  }
  return lane_total(logits, count, [=](__m256 x, __m256 lane) {
    return _mm256_add_ps(lane, exp(_mm256_div_ps(_mm256_sub_ps(x, most), divisor)));
  });
}

// Without its sign a float orders as an integer does, and what is not finite is beyond all that are.
constexpr std::int32_t kMagnitude = 0x7FFFFFFF;
constexpr std::int32_t kLargestFinite = 0x7F7FFFFF;
constexpr std::size_t kStep = 32;  // Four registers: a maximum takes four cycles until the next can use it.

struct Extremes {
  __m256 most;
  __m256i magnitude;
};

Extremes take(const Extremes& so_far, __m256 x) {
  const __m256i magnitude = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(kMagnitude));
  return {_mm256_max_ps(so_far.most, x), _mm256_max_epi32(so_far.magnitude, magnitude)};
}

Extremes join(const Extremes& a, const Extremes& b) {
  return {_mm256_max_ps(a.most, b.most), _mm256_max_epi32(a.magnitude, b.magnitude)};
}

bool all_finite(__m256i magnitudes) {
  const __m256i beyond = _mm256_cmpgt_epi32(magnitudes, _mm256_set1_epi32(kLargestFinite));
  return _mm256_testz_si256(beyond, beyond) != 0;
}

float largest_lane(__m256 x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// Whether one of the kStep numbers equals.
bool holds(const float* from, __m256 value) {
  __m256 found = _mm256_setzero_ps();
  for (std::size_t i = 0; i < kStep; i += 8) {
    found = _mm256_or_ps(found, _mm256_cmp_ps(_mm256_loadu_ps(from + i), value, _CMP_EQ_OQ));
  }
  return _mm256_movemask_ps(found) != 0;
}

std::size_t largest(const float* logits, std::size_t count) {
  if (count == 0) return 0;
  const Extremes first = take({_mm256_set1_ps(logits[0]), _mm256_setzero_si256()}, _mm256_set1_ps(logits[0]));
  Extremes four[4] = {first, first, first, first};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (std::size_t k = 0; k < 4; ++k) four[k] = take(four[k], _mm256_loadu_ps(logits + i + 8 * k));
  }
  Extremes all = join(join(four[0], four[1]), join(four[2], four[3]));
  for (; i < count; ++i) all = take(all, _mm256_set1_ps(logits[i]));
  if (!all_finite(all.magnitude)) return count;
  const float most = largest_lane(all.most);
  for (i = 0; i + kStep <= count && !holds(logits + i, _mm256_set1_ps(most));) i += kStep;
  while (logits[i] != most) ++i;
  return i;
}

}  // namespace

const Softmax kSoftmax{mass, largest};

}  // namespace linnet::kernels::avx2
