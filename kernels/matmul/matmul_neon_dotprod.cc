#if !defined(__ARM_FEATURE_DOTPROD)
#  error "this file is compiled with -march=armv8.2-a+dotprod"
#endif

#include "kernels/matmul/pair_tile_neon.h"
#include "kernels/matmul/tile_neon_dotprod.h"

namespace linnet::kernels::neon_dotprod {
namespace {

using tile_neon::dot_product;
using tile_neon::Two;

// A register has the sums of one row of activations.
struct PairProduct {
  static constexpr std::size_t kNumbers = 8;

  static Two<float32x4_t> of_rows(const float* from) { return {vld1q_f32(from), vld1q_f32(from + 4)}; }
  static Two<int32x4_t> of_rows(const std::int32_t* from) { return {vld1q_s32(from), vld1q_s32(from + 4)}; }
  static Two<float32x4_t> of_weights(float32x4_t four) { return {four, four}; }
  static void arrange(int8x16_t (&)[4]) {}

  template <bool kAlone>
  static void add(const int8x16_t (&columns)[4], const std::int8_t* values, std::size_t half, Two<int32x4_t>& sums) {
    if constexpr (kAlone) {
      const int8x16_t row = vld1q_s8(values + 16 * half);
      sums.first = dot_product<0, 2>(sums.first, columns, row, row);
    } else {
      const int8x16_t first = vld1q_s8(values + 32 * half);
      const int8x16_t second = vld1q_s8(values + 32 * half + 16);
      sums.first = dot_product<0, 0>(sums.first, columns, first, second);
      sums.second = dot_product<2, 2>(sums.second, columns, first, second);
    }
  }

  static Two<float32x4_t> to_rows(const Two<float32x4_t>& sums) { return sums; }
  static Two<float32x4_t> from_rows(const Two<float32x4_t>& rows) { return rows; }
};

using tile_neon::OneRow;
using ManyRows = tile_neon::PairsOfRows<PairProduct>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<OneRow, ManyRows>();

}  // namespace linnet::kernels::neon_dotprod
