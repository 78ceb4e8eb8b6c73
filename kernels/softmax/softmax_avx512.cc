#include "kernels/math/vector_avx512.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::avx512 {
namespace {

// Dividing by 1 changes no bit, and a division costs as much as a third of the exponential.
template <bool kDivides>
float mass_of(const float* logits, std::size_t count, float largest, float temperature) {
  const __m512 most = _mm512_set1_ps(largest);
  const __m512 divisor = _mm512_set1_ps(temperature);
  const auto weight = [=](__m512 x) {
    const __m512 below = _mm512_sub_ps(x, most);
    return exp(kDivides ? _mm512_div_ps(below, divisor) : below);
  };
  __m512 sum = _mm512_setzero_ps();
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) sum = _mm512_add_ps(sum, weight(_mm512_loadu_ps(logits + i)));
  const __mmask16 rest = first_lanes(count - i);
  sum = _mm512_mask_add_ps(sum, rest, sum, weight(_mm512_maskz_loadu_ps(rest, logits + i)));
  return total(sum);
}

float mass(const float* logits, std::size_t count, float largest, float temperature) {
  return temperature == 1.0F ? mass_of<false>(logits, count, largest, temperature)
                             : mass_of<true>(logits, count, largest, temperature);
}

// Without its sign a float orders as an integer does, and what is not finite is beyond all that are.
constexpr std::uint32_t kLargestFinite = 0x7F7FFFFF;
constexpr std::size_t kStep = 64;  // Four registers: a maximum takes four cycles until the next can use it.

struct Extremes {
  __m512 most;
  __m512i magnitude;
};

Extremes take(const Extremes& so_far, __m512 x) {
  return {_mm512_max_ps(so_far.most, x), _mm512_max_epu32(so_far.magnitude, _mm512_castps_si512(_mm512_abs_ps(x)))};
}

Extremes join(const Extremes& a, const Extremes& b) {
  return {_mm512_max_ps(a.most, b.most), _mm512_max_epu32(a.magnitude, b.magnitude)};
}

std::size_t largest(const float* logits, std::size_t count) {
  if (count == 0) return 0;
  const Extremes first = take({_mm512_set1_ps(logits[0]), _mm512_setzero_si512()}, _mm512_set1_ps(logits[0]));
  Extremes four[4] = {first, first, first, first};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (std::size_t k = 0; k < 4; ++k) four[k] = take(four[k], _mm512_loadu_ps(logits + i + 16 * k));
  }
  Extremes all = join(join(four[0], four[1]), join(four[2], four[3]));
  for (; i < count; i += 16) {
    // Beyond the end there is the first once more, which changes nothing.
    all = take(all, _mm512_mask_loadu_ps(_mm512_set1_ps(logits[0]), first_lanes(count - i), logits + i));
  }
  if (_mm512_reduce_max_epu32(all.magnitude) > kLargestFinite) return count;
  const __m512 most = _mm512_set1_ps(_mm512_reduce_max_ps(all.most));
  for (i = 0;; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __mmask16 found = _mm512_mask_cmpeq_ps_mask(lanes, _mm512_maskz_loadu_ps(lanes, logits + i), most);
    if (found != 0) return i + static_cast<std::size_t>(__builtin_ctz(found));
  }
}

}  // namespace

const Softmax kSoftmax{mass, largest};

}  // namespace linnet::kernels::avx512
