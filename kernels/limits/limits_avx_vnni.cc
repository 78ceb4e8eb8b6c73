#if !defined(__AVXVNNI__)
#  error "this file is compiled with -mavx2 -mavxvnni"
#endif

#include "kernels/limits/limits_avx2.h"

namespace linnet::kernels::avx_vnni {
namespace {

__m256i add_products(__m256i sum, __m256i left, __m256i right) {
  sum = _mm256_dpbusd_avx_epi32(sum, left, right);
  __asm__ volatile("" : "+x"(sum));  // Each sum goes on by itself.
  return sum;
}

}  // namespace

const Limits kLimits = {limits_avx2::read, limits_avx2::multiply<kMultiplySums, add_products>};

}  // namespace linnet::kernels::avx_vnni
