#include "kernels/math/vector_avx2.h"
#include "kernels/quantize/quantize.h"

namespace linnet::kernels::avx2 {
namespace {

float largest_magnitude(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  a = _mm256_max_ps(_mm256_andnot_ps(sign, a), _mm256_andnot_ps(sign, b));
  c = _mm256_max_ps(_mm256_andnot_ps(sign, c), _mm256_andnot_ps(sign, d));
  a = _mm256_max_ps(a, c);
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

// 32 numbers to 32 bytes in order, each rounded to even.
__m256i to_bytes(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256i ab = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
  const __m256i cd = _mm256_packs_epi32(_mm256_cvtps_epi32(c), _mm256_cvtps_epi32(d));
  // The packs work within 128 bits: groups of four come out as a0 b0 c0 d0 a1 b1 c1 d1.
  return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(ab, cd), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

void store_chunks(__m256i bytes, std::int8_t* out, std::size_t step) {
  const __m128i low = _mm256_castsi256_si128(bytes);
  const __m128i high = _mm256_extracti128_si256(bytes, 1);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), low);
  _mm_storeh_pd(reinterpret_cast<double*>(out + step), _mm_castsi128_pd(low));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out + 2 * step), high);
  _mm_storeh_pd(reinterpret_cast<double*>(out + 3 * step), _mm_castsi128_pd(high));
}

std::int32_t sum_of_bytes(__m256i bytes) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
  const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

}  // namespace

void quantize(const float* in, std::size_t columns, const Q8Row& out) {
  std::int8_t* values = out.values;
  for (std::size_t block = 0; block < columns / kActivationBlock; ++block) {
    const __m256 a = _mm256_loadu_ps(in);
    const __m256 b = _mm256_loadu_ps(in + 8);
    const __m256 c = _mm256_loadu_ps(in + 16);
    const __m256 d = _mm256_loadu_ps(in + 24);
    const float largest = largest_magnitude(a, b, c, d);
    const bool zero = largest < kLeastMagnitude;
    const __m256 inverse = _mm256_set1_ps(zero ? 0.0F : 127.0F / largest);
    const __m256i bytes = to_bytes(_mm256_mul_ps(a, inverse), _mm256_mul_ps(b, inverse), _mm256_mul_ps(c, inverse),
                                   _mm256_mul_ps(d, inverse));
    store_chunks(bytes, values, out.step);
    out.scales[block * out.stride] = zero ? 0.0F : largest / 127.0F;
    out.sums[block * out.stride] = sum_of_bytes(bytes);
    in += kActivationBlock;
    values += kActivationBlock * out.stride;
  }
}

}  // namespace linnet::kernels::avx2
