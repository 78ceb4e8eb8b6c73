#if !defined(__ARM_FEATURE_MATMUL_INT8)
#  error "this file is compiled with -march=armv8.2-a+dotprod+i8mm"
#endif

#include "kernels/matmul/pair_tile_neon.h"
#include "kernels/matmul/tile_neon_dotprod.h"

namespace linnet::kernels::neon_i8mm {
namespace {

using tile_neon::Two;

// SMMLA multiplies 8 columns of a pair, which lie side by side, with 8 columns of two rows of weights: 32 products
// where SDOT has 16. Its sums of rows of activations a, b and of weights 0 … 3 are {a 0, a 1, b 0, b 1} and {a 2, a 3,
// b 2, b 3}, and stay so until a panel is done. A row without a partner is paired with zeros.
struct PairProduct {
  static constexpr std::size_t kNumbers = 4;

  static Two<float32x4_t> of_rows(const float* from) { return {vld1q_f32(from), vld1q_f32(from)}; }
  static Two<int32x4_t> of_rows(const std::int32_t* from) { return {vld1q_s32(from), vld1q_s32(from)}; }
  static Two<float32x4_t> of_weights(float32x4_t four) {
    return {vcombine_f32(vget_low_f32(four), vget_low_f32(four)),
            vcombine_f32(vget_high_f32(four), vget_high_f32(four))};
  }

  // To eight columns of rows of weights 0 and 1, of 2 and 3, and the next eight.
  static void arrange(int8x16_t (&columns)[4]) {
    for (std::size_t i = 0; i < 4; i += 2) {
      const int32x4_t left = vreinterpretq_s32_s8(columns[i]);
      const int32x4_t right = vreinterpretq_s32_s8(columns[i + 1]);
      columns[i] = vreinterpretq_s8_s32(vzip1q_s32(left, right));
      columns[i + 1] = vreinterpretq_s8_s32(vzip2q_s32(left, right));
    }
  }

  template <bool kAlone>
  static void add(const int8x16_t (&columns)[4], const std::int8_t* values, std::size_t half, Two<int32x4_t>& sums) {
    for (std::size_t i = 0; i < 2; ++i) {
      const int8x16_t eight = chunk<kAlone>(values, 2 * half + i);
      sums.first = vmmlaq_s32(sums.first, eight, columns[2 * i]);
      sums.second = vmmlaq_s32(sums.second, eight, columns[2 * i + 1]);
    }
  }

  static Two<float32x4_t> to_rows(const Two<float32x4_t>& sums) { return exchange(sums); }
  static Two<float32x4_t> from_rows(const Two<float32x4_t>& rows) { return exchange(rows); }

 private:
  template <bool kAlone>
  static int8x16_t chunk(const std::int8_t* values, std::size_t c) {
    if constexpr (kAlone) return vcombine_s8(vld1_s8(values + 8 * c), vdup_n_s8(0));
    return vld1q_s8(values + 16 * c);
  }

  // {a b, c d} to {a c, b d}: both ways the same.
  static Two<float32x4_t> exchange(const Two<float32x4_t>& two) {
    return {vcombine_f32(vget_low_f32(two.first), vget_low_f32(two.second)),
            vcombine_f32(vget_high_f32(two.first), vget_high_f32(two.second))};
  }
};

// One row leaves half of SMMLA idle; SDOT does.
using tile_neon::OneRow;
using ManyRows = tile_neon::PairsOfRows<PairProduct>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<OneRow, ManyRows>();

}  // namespace linnet::kernels::neon_i8mm
