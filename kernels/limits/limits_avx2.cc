#if !defined(__AVX2__)
#  error "this file is compiled with -mavx2"
#endif

#include "kernels/limits/limits_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

// In pairs of 16 bits that are widened at once, as products of weights do it.
__m256i add_products(__m256i sum, __m256i left, __m256i right) {
  const __m256i pairs = _mm256_maddubs_epi16(left, right);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

}  // namespace

const Limits kLimits = {limits_avx2::read, limits_avx2::multiply<add_products>};

}  // namespace linnet::kernels::avx2
