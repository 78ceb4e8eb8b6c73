// The lines of avx_vnni by AVX-512's encoding of the instruction: so that processors without AVX-VNNI test them.
#if !defined(__AVX512VL__) || !defined(__AVX512VNNI__)
#  error "this file is compiled with -mavx512vl -mavx512vnni"
#endif

#include "kernels/matmul/tile_avx2_vnni.h"

namespace linnet::kernels::avx512vl_vnni {

const MatMulSet kMatMuls = tile_avx2::every_format<tile_avx2::FourProducts>();

}  // namespace linnet::kernels::avx512vl_vnni
