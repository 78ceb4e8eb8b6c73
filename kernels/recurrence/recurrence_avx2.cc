#include "kernels/recurrence/recurrence.h"

#include "kernels/math/vector_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

// x / (1 + e^-x)
__m256 silu(__m256 x) {
  const __m256 minus_x = _mm256_xor_ps(x, _mm256_set1_ps(-0.0F));
  return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0F), exp(minus_x)));
}

// Eight channels at a time; the weights of a tap lie `taps` apart.
void convolve(const ShortConvolution& convolution, float* in_out) {
  const auto taps = static_cast<int>(convolution.taps);
  const __m256i apart = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(taps));
  for (std::size_t c = 0; c < convolution.channels; c += 8) {
    const __m256i mask = first_lanes(convolution.channels - c);
    const auto weight = [&](std::size_t tap) {
      const float* const first = convolution.weights + c * convolution.taps + tap;
      return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), first, apart, _mm256_castsi256_ps(mask), 4);
    };
    const __m256 newest = _mm256_maskload_ps(in_out + c, mask);
    float* past = convolution.past + c;
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t t = 0; t + 1 < convolution.taps; ++t, past += convolution.stride) {
      sum = _mm256_fmadd_ps(_mm256_maskload_ps(past, mask), weight(t), sum);
      const bool last = t + 2 == convolution.taps;
      _mm256_maskstore_ps(past, mask, last ? newest : _mm256_maskload_ps(past + convolution.stride, mask));
    }
    _mm256_maskstore_ps(in_out + c, mask, silu(_mm256_fmadd_ps(newest, weight(convolution.taps - 1), sum)));
  }
}

// 8 * kRegisters columns of all rows: as many chains of fma as it takes to hide their latency of 4 (two a cycle).
template <std::size_t kRegisters>
void delta_columns(const DeltaStep& step, std::size_t first, float* out) {
  const __m256 decay = _mm256_set1_ps(step.decay);
  __m256 held[kRegisters];
  for (__m256& sum : held) sum = _mm256_setzero_ps();
  for (std::size_t i = 0; i < step.key_width; ++i) {
    const __m256 key = _mm256_broadcast_ss(step.key + i);
    float* const row = step.state + i * step.value_width + first;
    for (std::size_t r = 0; r < kRegisters; ++r) {
      const __m256 left = _mm256_mul_ps(_mm256_loadu_ps(row + 8 * r), decay);
      _mm256_storeu_ps(row + 8 * r, left);
      held[r] = _mm256_fmadd_ps(left, key, held[r]);
    }
  }
  __m256 change[kRegisters];
  __m256 read[kRegisters];
  for (std::size_t r = 0; r < kRegisters; ++r) {
    const __m256 difference = _mm256_sub_ps(_mm256_loadu_ps(step.value + first + 8 * r), held[r]);
    change[r] = _mm256_mul_ps(difference, _mm256_set1_ps(step.rate));
    read[r] = _mm256_setzero_ps();
  }
  for (std::size_t i = 0; i < step.key_width; ++i) {
    const __m256 key = _mm256_broadcast_ss(step.key + i);
    const __m256 query = _mm256_broadcast_ss(step.query + i);
    float* const row = step.state + i * step.value_width + first;
    for (std::size_t r = 0; r < kRegisters; ++r) {
      const __m256 learned = _mm256_fmadd_ps(key, change[r], _mm256_loadu_ps(row + 8 * r));
      _mm256_storeu_ps(row + 8 * r, learned);
      read[r] = _mm256_fmadd_ps(learned, query, read[r]);
    }
  }
  for (std::size_t r = 0; r < kRegisters; ++r) _mm256_storeu_ps(out + first + 8 * r, read[r]);
}

// The columns from `first` on, fewer than eight.
void delta_tail(const DeltaStep& step, std::size_t first, float* out) {
  const __m256i mask = first_lanes(step.value_width - first);
  const __m256 decay = _mm256_set1_ps(step.decay);
  __m256 held = _mm256_setzero_ps();
  for (std::size_t i = 0; i < step.key_width; ++i) {
    float* const row = step.state + i * step.value_width + first;
    const __m256 left = _mm256_mul_ps(_mm256_maskload_ps(row, mask), decay);
    _mm256_maskstore_ps(row, mask, left);
    held = _mm256_fmadd_ps(left, _mm256_broadcast_ss(step.key + i), held);
  }
  const __m256 difference = _mm256_sub_ps(_mm256_maskload_ps(step.value + first, mask), held);
  const __m256 change = _mm256_mul_ps(difference, _mm256_set1_ps(step.rate));
  __m256 read = _mm256_setzero_ps();
  for (std::size_t i = 0; i < step.key_width; ++i) {
    float* const row = step.state + i * step.value_width + first;
    const __m256 learned = _mm256_fmadd_ps(_mm256_broadcast_ss(step.key + i), change, _mm256_maskload_ps(row, mask));
    _mm256_maskstore_ps(row, mask, learned);
    read = _mm256_fmadd_ps(learned, _mm256_broadcast_ss(step.query + i), read);
  }
  _mm256_maskstore_ps(out + first, mask, read);
}

void delta(const DeltaStep& step, float* out) {
  std::size_t first = 0;
  for (; first + 32 <= step.value_width; first += 32) delta_columns<4>(step, first, out);
  for (; first + 8 <= step.value_width; first += 8) delta_columns<1>(step, first, out);
  if (first < step.value_width) delta_tail(step, first, out);
}

}  // namespace

const Recurrence kRecurrence{convolve, delta};

}  // namespace linnet::kernels::avx2
