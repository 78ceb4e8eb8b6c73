#if !defined(__ARM_FEATURE_MATMUL_INT8)
#  error "this file is compiled with -march=armv8.2-a+dotprod+i8mm"
#endif

#include "kernels/matmul/tile_neon_dotprod.h"

namespace linnet::kernels::neon_i8mm {
namespace {

// Rows of activations two at a time: SMMLA multiplies 8 columns of two of them with 8 columns of two rows of weights,
// 32 products where SDOT has 16. A row that is left over is paired with zeros.
struct RowPairs {
  static constexpr std::size_t kTileRows = 8;
  static_assert(kActivationRows % kTileRows == 0);

  template <class Weights, std::size_t kTokens, std::size_t kQuads>
  class Products {
   public:
    explicit Products(const tile_neon::RowStarts<Weights::kOffset, kTokens>& starts) {
      for (std::size_t pair = 0; pair < kPairs; ++pair) {
        const std::int32_t even = starts[2 * pair];
        const std::int32_t odd = 2 * pair + 1 < kTokens ? starts[2 * pair + 1] : 0;
        for (std::size_t q = 0; q < kQuads; ++q) upper_[pair][q] = lower_[pair][q] = int32x4_t{even, even, odd, odd};
      }
    }
    void add(const std::byte* codes, std::size_t half, std::size_t quad, const std::int8_t* values) {
      int64x2_t activations[kPairs][2];  // Columns 0 … 7 and 8 … 15 of both rows.
      for (std::size_t pair = 0; pair < kPairs; ++pair) {
        const int64x2_t even = row_of(values, 2 * pair, half);
        const int64x2_t odd = 2 * pair + 1 < kTokens ? row_of(values, 2 * pair + 1, half) : vdupq_n_s64(0);
        activations[pair][0] = vzip1q_s64(even, odd);
        activations[pair][1] = vzip2q_s64(even, odd);
      }
      for (std::size_t q = 0; q < kQuads; ++q) {
        int8x16_t columns[4];
        Weights::unpack(codes, half, quad + q, columns);
        for (std::size_t eight = 0; eight < 2; ++eight) {
          const int32x4_t left = vreinterpretq_s32_s8(columns[2 * eight]);
          const int32x4_t right = vreinterpretq_s32_s8(columns[2 * eight + 1]);
          const int8x16_t upper = vreinterpretq_s8_s32(vzip1q_s32(left, right));  // Rows 0 and 1 of the quad.
          const int8x16_t lower = vreinterpretq_s8_s32(vzip2q_s32(left, right));  // Rows 2 and 3.
          for (std::size_t pair = 0; pair < kPairs; ++pair) {
            const int8x16_t rows = vreinterpretq_s8_s64(activations[pair][eight]);
            upper_[pair][q] = vmmlaq_s32(upper_[pair][q], rows, upper);
            lower_[pair][q] = vmmlaq_s32(lower_[pair][q], rows, lower);
          }
        }
      }
    }

    int32x4_t sums(std::size_t t, std::size_t q) const {
      const int64x2_t upper = vreinterpretq_s64_s32(upper_[t / 2][q]);
      const int64x2_t lower = vreinterpretq_s64_s32(lower_[t / 2][q]);
      return vreinterpretq_s32_s64(t % 2 == 0 ? vzip1q_s64(upper, lower) : vzip2q_s64(upper, lower));
    }

   private:
    static constexpr std::size_t kPairs = (kTokens + 1) / 2;

    static int64x2_t row_of(const std::int8_t* values, std::size_t t, std::size_t half) {
      return vreinterpretq_s64_s8(vld1q_s8(values + t * kActivationBlock + 16 * half));
    }

    // {row of activations 0 times rows of weights 0 and 1, row of activations 1 times both}.
    int32x4_t upper_[kPairs][kQuads];
    int32x4_t lower_[kPairs][kQuads];
  };
};

// One row leaves half of SMMLA idle; SDOT does.
using OneRow = tile_neon::EachRow<tile_neon::DotProduct, 8>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<OneRow, RowPairs>();

}  // namespace linnet::kernels::neon_i8mm
