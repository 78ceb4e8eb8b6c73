// For cores without dot-product instructions: Cortex-A53 and A72 of the Raspberry Pi 3 and 4.
#include "kernels/matmul/tile_neon.h"

namespace linnet::kernels::neon {
namespace {

// Four activations at byte 4 i, in every lane.
template <int kIndex>
int8x16_t repeat(int8x16_t activations) {
  return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(activations), kIndex));
}

// Registers of 16-bit products: rows 0 and 1, four columns each, and rows 2 and 3.
struct Halves {
  int16x8_t low = vdupq_n_s16(0);
  int16x8_t high = vdupq_n_s16(0);

  void add(int8x16_t weights, int8x16_t activations) {
    low = vmlal_s8(low, vget_low_s8(weights), vget_low_s8(activations));
    high = vmlal_high_s8(high, weights, activations);
  }
};

// 8 bits: a 16-bit lane holds two products at most (2 * 128 * 127 = 32,512) before it is widened.
template <class Weights>
class Product {
 public:
  void begin(std::int32_t start) { start_ = vdupq_n_s32(start); }
  template <int kFirst, int kSecond>
  void add(const int8x16_t (&columns)[4], int8x16_t first, int8x16_t second) {
    Halves left;
    left.add(columns[0], repeat<kFirst>(first));
    left.add(columns[1], repeat<kFirst + 1>(first));
    Halves right;
    right.add(columns[2], repeat<kSecond>(second));
    right.add(columns[3], repeat<kSecond + 1>(second));
    low_ = vpadalq_s16(vpadalq_s16(low_, left.low), right.low);
    high_ = vpadalq_s16(vpadalq_s16(high_, left.high), right.high);
  }
  int32x4_t sums() const { return vaddq_s32(vpaddq_s32(low_, high_), start_); }

 private:
  int32x4_t start_;
  int32x4_t low_ = vdupq_n_s32(0);
  int32x4_t high_ = vdupq_n_s32(0);
};

// Up to 6 bits: a lane takes all products that share a scale before it is widened.
template <class Weights>
requires Weights::kIsShort class Product<Weights> {
 public:
  void begin(std::int32_t start) { start_ = vdupq_n_s32(start); }
  template <int kFirst, int kSecond>
  void add(const int8x16_t (&columns)[4], int8x16_t first, int8x16_t second) {
    halves_.add(columns[0], repeat<kFirst>(first));
    halves_.add(columns[1], repeat<kFirst + 1>(first));
    halves_.add(columns[2], repeat<kSecond>(second));
    halves_.add(columns[3], repeat<kSecond + 1>(second));
  }
  int32x4_t sums() const { return vaddq_s32(vpaddq_s32(vpaddlq_s16(halves_.low), vpaddlq_s16(halves_.high)), start_); }

 private:
  int32x4_t start_;
  Halves halves_;
};

using Rows = tile_neon::EachRow<Product, 4>;

}  // namespace

const MatMulSet kMatMuls = tile_neon::every_format<Rows, Rows>();

}  // namespace linnet::kernels::neon
