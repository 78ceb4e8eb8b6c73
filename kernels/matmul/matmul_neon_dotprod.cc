#if !defined(__ARM_FEATURE_DOTPROD)
#  error "this file is compiled with -march=armv8.2-a+dotprod"
#endif

#include "kernels/matmul/tile_neon_dotprod.h"

namespace linnet::kernels::neon_dotprod {
namespace {

using Rows = tile_neon::EachRow<tile_neon::DotProduct, 8>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<Rows, Rows>();

}  // namespace linnet::kernels::neon_dotprod
