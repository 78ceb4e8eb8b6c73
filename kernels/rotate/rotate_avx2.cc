#include "kernels/math/vector_avx2.h"
#include "kernels/rotate/rotate.h"

namespace linnet::kernels::avx2 {
namespace {

// Turns pairs (a[i], b[i]), i < 8.
void turn(__m256& a, __m256& b, __m256 cosine, __m256 sine) {
  const __m256 turned_a = _mm256_sub_ps(_mm256_mul_ps(a, cosine), _mm256_mul_ps(b, sine));
  b = _mm256_add_ps(_mm256_mul_ps(b, cosine), _mm256_mul_ps(a, sine));
  a = turned_a;
}

void rotate_halves(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                   std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    std::size_t i = 0;
    for (; i + 8 <= pairs; i += 8) {
      __m256 a = _mm256_loadu_ps(head + i);
      __m256 b = _mm256_loadu_ps(head + pairs + i);
      turn(a, b, _mm256_loadu_ps(cosines + i), _mm256_loadu_ps(sines + i));
      _mm256_storeu_ps(head + i, a);
      _mm256_storeu_ps(head + pairs + i, b);
    }
    if (i < pairs) {
      const __m256i mask = first_lanes(pairs - i);
      __m256 a = _mm256_maskload_ps(head + i, mask);
      __m256 b = _mm256_maskload_ps(head + pairs + i, mask);
      turn(a, b, _mm256_maskload_ps(cosines + i, mask), _mm256_maskload_ps(sines + i, mask));
      _mm256_maskstore_ps(head + i, mask, a);
      _mm256_maskstore_ps(head + pairs + i, mask, b);
    }
  }
}

// x holds a0 b0 a1 b1 …; each of four angles goes to both numbers of its pair.
__m256 turn_neighbours(__m256 x, __m128 four_cosines, __m128 four_sines) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  const __m256 cosine = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(four_cosines), twice);
  const __m256 sine = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(four_sines), twice);
  const __m256 swapped = _mm256_permute_ps(x, 0xB1);
  return _mm256_addsub_ps(_mm256_mul_ps(x, cosine), _mm256_mul_ps(swapped, sine));
}

void rotate_interleaved(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                        std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    std::size_t i = 0;
    for (; i + 4 <= pairs; i += 4) {
      const __m256 turned =
          turn_neighbours(_mm256_loadu_ps(head + 2 * i), _mm_loadu_ps(cosines + i), _mm_loadu_ps(sines + i));
      _mm256_storeu_ps(head + 2 * i, turned);
    }
    if (i < pairs) {
      const __m256i mask = first_lanes(2 * (pairs - i));
      const __m128i angles = _mm256_castsi256_si128(first_lanes(pairs - i));
      const __m256 turned = turn_neighbours(_mm256_maskload_ps(head + 2 * i, mask),
                                            _mm_maskload_ps(cosines + i, angles), _mm_maskload_ps(sines + i, angles));
      _mm256_maskstore_ps(head + 2 * i, mask, turned);
    }
  }
}

}  // namespace

const Rotate kRotate{rotate_halves, rotate_interleaved};

}  // namespace linnet::kernels::avx2
