// Products of int8 without dot-product instructions: 64-bit cores before ARMv8.2, and all of 32-bit ARM.
//
// Everything is each file's own: this header is compiled once for each instruction set.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace linnet::kernels::tile_neon {
namespace {

#if defined(__aarch64__)
inline int16x8_t multiply_add_high(int16x8_t sum, int8x16_t a, int8x16_t b) { return vmlal_high_s8(sum, a, b); }
inline int32x4_t add_pairs(int32x4_t low, int32x4_t high) { return vpaddq_s32(low, high); }
template <int kIndex>
int32x4_t repeat_lane(int32x4_t lanes) {
  return vdupq_laneq_s32(lanes, kIndex);
}
#else
inline int16x8_t multiply_add_high(int16x8_t sum, int8x16_t a, int8x16_t b) {
  return vmlal_s8(sum, vget_high_s8(a), vget_high_s8(b));
}
inline int32x4_t add_pairs(int32x4_t low, int32x4_t high) {
  return vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                      vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
}
template <int kIndex>
int32x4_t repeat_lane(int32x4_t lanes) {
  return vdupq_lane_s32(kIndex < 2 ? vget_low_s32(lanes) : vget_high_s32(lanes), kIndex % 2);
}
#endif

// Four activations at byte 4 i, in every lane.
template <int kIndex>
int8x16_t repeat(int8x16_t activations) {
  return vreinterpretq_s8_s32(repeat_lane<kIndex>(vreinterpretq_s32_s8(activations)));
}

// Registers of 16-bit products: rows 0 and 1, four columns each, and rows 2 and 3.
struct Halves {
  int16x8_t low = vdupq_n_s16(0);
  int16x8_t high = vdupq_n_s16(0);

  void add(int8x16_t weights, int8x16_t activations) {
    low = vmlal_s8(low, vget_low_s8(weights), vget_low_s8(activations));
    high = multiply_add_high(high, weights, activations);
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
  int32x4_t sums() const { return vaddq_s32(add_pairs(low_, high_), start_); }
  void widen() {}

 private:
  int32x4_t start_;
  int32x4_t low_ = vdupq_n_s32(0);
  int32x4_t high_ = vdupq_n_s32(0);
};

// Up to 6 bits: a lane takes all products of a part that share a scale before it is widened.
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
  int32x4_t sums() const { return vaddq_s32(add_pairs(vpaddlq_s16(halves_.low), vpaddlq_s16(halves_.high)), start_); }
  void widen() {
    start_ = sums();
    halves_ = {};
  }

 private:
  int32x4_t start_;
  Halves halves_;
};

}  // namespace
}  // namespace linnet::kernels::tile_neon
