#if !defined(__AVX2__)
#  error "this file is compiled with -mavx2"
#endif

#include "kernels/limits/limits_avx2.h"

namespace linnet::kernels::avx2 {
namespace {

// In pairs of 16 bits that are widened at once, as products of weights do it.
__m256i add_products(__m256i sum, __m256i left, __m256i right) {
  __asm__ volatile("" : "+x"(left));  // Else the compiler multiplies once and adds that up.
  const __m256i pairs = _mm256_maddubs_epi16(left, right);
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  __asm__ volatile("" : "+x"(sum));  // Each sum goes on by itself.
  return sum;
}

}  // namespace

const Limits kLimits = {limits_avx2::read, limits_avx2::multiply<4, add_products>};

}  // namespace linnet::kernels::avx2
