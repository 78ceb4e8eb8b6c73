#include "kernels/math/vector_avx2.h"
#include "kernels/quantize/quantize.h"

namespace linnet::kernels::avx2 {
namespace {

float largest_of(__m256 eight) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

// 32 whole numbers to 32 bytes in order.
__m256i to_bytes(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i ab = _mm256_packs_epi32(a, b);
  const __m256i cd = _mm256_packs_epi32(c, d);
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

// A block of 32 numbers in registers.
struct Block {
  __m256 a, b, c, d;

  void load(const float* in) {
    a = _mm256_loadu_ps(in);
    b = _mm256_loadu_ps(in + 8);
    c = _mm256_loadu_ps(in + 16);
    d = _mm256_loadu_ps(in + 24);
  }

  [[nodiscard]] __m256 magnitudes() const {
    const __m256 sign = _mm256_set1_ps(-0.0F);
    const __m256 ab = _mm256_max_ps(_mm256_andnot_ps(sign, a), _mm256_andnot_ps(sign, b));
    return _mm256_max_ps(ab, _mm256_max_ps(_mm256_andnot_ps(sign, c), _mm256_andnot_ps(sign, d)));
  }

  // Rounds it, each number to even, to block number `block` of a row, and leaves what is left of it.
  void quantize(float scale, __m256 inverse, std::size_t block, const Q8Row& out) {
    const __m256 wide_scale = _mm256_set1_ps(scale);
    const auto take = [&](__m256& x) {
      const __m256i whole = _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
      x = _mm256_fnmadd_ps(wide_scale, _mm256_cvtepi32_ps(whole), x);
      return whole;
    };
    const __m256i first = take(a);
    const __m256i second = take(b);
    const __m256i third = take(c);
    const __m256i bytes = to_bytes(first, second, third, take(d));
    store_chunks(bytes, out.values + block * out.stride * kActivationBlock, out.step);
    out.scales[block * out.stride] = scale;
    out.sums[block * out.stride] = sum_of_bytes(bytes);
  }
};

// kJoined blocks have one scale.
template <std::size_t kJoined>
void quantize_joined(const float* in, std::size_t columns, const Q8Row* terms, std::size_t count) {
  for (std::size_t first = 0; first < columns / kActivationBlock; first += kJoined) {
    Block blocks[kJoined];
    for (std::size_t b = 0; b < kJoined; ++b) blocks[b].load(in + (first + b) * kActivationBlock);
    for (std::size_t t = 0; t < count; ++t) {
      __m256 magnitudes = blocks[0].magnitudes();
      for (std::size_t b = 1; b < kJoined; ++b) magnitudes = _mm256_max_ps(magnitudes, blocks[b].magnitudes());
      const float largest = largest_of(magnitudes);
      const bool zero = largest < kLeastMagnitude;
      const __m256 inverse = _mm256_set1_ps(zero ? 0.0F : 127.0F / largest);
      const float scale = zero ? 0.0F : largest / 127.0F;
      for (std::size_t b = 0; b < kJoined; ++b) blocks[b].quantize(scale, inverse, first + b, terms[t]);
    }
  }
}

}  // namespace

void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count) {
  switch (joined) {
    case 4: return quantize_joined<4>(in, columns, terms, count);
    case 2: return quantize_joined<2>(in, columns, terms, count);
    default: return quantize_joined<1>(in, columns, terms, count);
  }
}

}  // namespace linnet::kernels::avx2
