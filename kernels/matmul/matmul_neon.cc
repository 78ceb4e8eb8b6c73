// For cores without dot-product instructions: Cortex-A53 and A72 of the Raspberry Pi 3 and 4.
#include "kernels/matmul/product_neon.h"
#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::neon {
namespace {

using Rows = tile_neon::EachRow<tile_neon::Product, 4>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<Rows, Rows>();

}  // namespace linnet::kernels::neon
