#include "kernels/convert/convert.h"
#include "kernels/math/vector_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

void to_f16(const float* in, std::uint16_t* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  }
  if (i < count) {
    std::uint16_t halves[8];
    const __m256 tail = _mm256_maskload_ps(in + i, first_lanes(count - i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves), _mm256_cvtps_ph(tail, _MM_FROUND_TO_NEAREST_INT));
    for (std::size_t j = 0; i + j < count; ++j) out[i + j] = halves[j];
  }
}

void from_f16(const std::uint16_t* in, float* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, load_f16(in + i));
  if (i < count) _mm256_maskstore_ps(out + i, first_lanes(count - i), load_f16_tail(in + i, count - i));
}

}  // namespace

const Convert kConvert{to_f16, from_f16};

}  // namespace linnet::kernels::avx2
