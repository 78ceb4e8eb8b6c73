// For processors that have VPDPBUSD without AVX-512: Alder Lake, its N100, and later.
#if !defined(__AVXVNNI__) || !defined(__FMA__) || !defined(__F16C__)
#  error "this file is compiled with -mavx2 -mfma -mf16c -mavxvnni"
#endif

#include "kernels/matmul/tile_avx2_vnni.h"

namespace linnet::kernels::avx_vnni {

const MatMulSet kMatMuls = tile_avx2::every_format<tile_avx2::FourProducts>();

}  // namespace linnet::kernels::avx_vnni
