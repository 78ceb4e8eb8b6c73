// Vector forms of canonical sums and of exp for the NEON files of AArch64. Everything is static, as in vector_avx2.h.
#pragma once

#if !defined(__aarch64__)
#  error "AArch64 is needed: this header is for its NEON files alone"
#endif

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "kernels/math/exp_constants.h"

namespace linnet::kernels::neon {

// All ones in the first `count` lanes (0 … 4 and more).
static inline uint32x4_t first_lanes(std::size_t count) {
  static const std::uint32_t kOnesThenZeros[8] = {~0U, ~0U, ~0U, ~0U, 0, 0, 0, 0};
  return vld1q_u32(kOnesThenZeros + 4 - (count < 4 ? count : 4));
}

// `count` numbers (4 at most), the other lanes 0.
static inline float32x4_t load_tail(const float* from, std::size_t count) {
  if (count >= 4) return vld1q_f32(from);
  float numbers[4] = {};
  for (std::size_t i = 0; i < count; ++i) numbers[i] = from[i];
  return vld1q_f32(numbers);
}
static inline void store_tail(float* to, std::size_t count, float32x4_t numbers) {
  if (count >= 4) {
    vst1q_f32(to, numbers);
    return;
  }
  float lanes[4];
  vst1q_f32(lanes, numbers);
  for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

// 4 halves as floats; `count` of them, the others 0.
static inline float32x4_t load_f16(const std::uint16_t* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from)));
}
static inline float32x4_t load_f16_tail(const std::uint16_t* from, std::size_t count) {
  if (count >= 4) return load_f16(from);
  std::uint16_t halves[4] = {};
  for (std::size_t i = 0; i < count; ++i) halves[i] = from[i];
  return load_f16(halves);
}

// What is left of `count` after `used`.
static inline std::size_t rest(std::size_t count, std::size_t used) { return count > used ? count - used : 0; }

// The 16 virtual lanes in four registers.
struct Lanes {
  float32x4_t quads[4];
};

static inline Lanes zero_lanes() {
  const float32x4_t zero = vdupq_n_f32(0.0F);
  return {{zero, zero, zero, zero}};
}

// Lanes added by halves: i + 8, then i + 4, i + 2, i + 1.
static inline float total(const Lanes& lanes) {
  const float32x4_t low = vaddq_f32(lanes.quads[0], lanes.quads[2]);
  const float32x4_t high = vaddq_f32(lanes.quads[1], lanes.quads[3]);
  const float32x4_t four = vaddq_f32(low, high);
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

// The 16 lanes' total of what `add(numbers, lane)` adds; lanes beyond a tail stay as they are.
template <class Add>
static inline float lane_total(const float* in, std::size_t width, Add add) {
  Lanes lanes = zero_lanes();
  std::size_t i = 0;
  for (; i + 16 <= width; i += 16) {
    for (std::size_t q = 0; q < 4; ++q) lanes.quads[q] = add(vld1q_f32(in + i + 4 * q), lanes.quads[q]);
  }
  for (std::size_t q = 0; i + 4 * q < width; ++q) {
    const std::size_t count = width - i - 4 * q;
    const float32x4_t added = add(load_tail(in + i + 4 * q, count), lanes.quads[q]);
    lanes.quads[q] = vbslq_f32(first_lanes(count), added, lanes.quads[q]);
  }
  return total(lanes);
}

// lane = fma(a, b, lane) in the first `count` lanes; the others stay as they are.
static inline float32x4_t multiply_add_first(std::size_t count, float32x4_t a, float32x4_t b, float32x4_t lane) {
  return vbslq_f32(first_lanes(count), vfmaq_f32(lane, a, b), lane);
}

// math::exp, lane by lane.
static inline float32x4_t exp(float32x4_t x) {
  using math::Exp;
  x = vmaxq_f32(x, vdupq_n_f32(Exp::kLowest));
  x = vminq_f32(x, vdupq_n_f32(Exp::kHighest));
  const float32x4_t round = vdupq_n_f32(Exp::kRound);
  const float32x4_t shifted = vfmaq_f32(round, x, vdupq_n_f32(Exp::kLog2E));
  const float32x4_t n = vsubq_f32(shifted, round);
  float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(Exp::kLn2High));
  r = vfmsq_f32(r, n, vdupq_n_f32(Exp::kLn2Low));
  float32x4_t q = vfmaq_f32(vdupq_n_f32(Exp::kC3), vdupq_n_f32(Exp::kC4), r);
  q = vfmaq_f32(vdupq_n_f32(Exp::kC2), q, r);
  q = vfmaq_f32(vdupq_n_f32(Exp::kC1), q, r);
  q = vfmaq_f32(vdupq_n_f32(Exp::kC0), q, r);
  const float32x4_t p = vaddq_f32(vfmaq_f32(r, vmulq_f32(r, r), q), vdupq_n_f32(1.0F));
  const int32x4_t power = vsubq_s32(vreinterpretq_s32_f32(shifted), vreinterpretq_s32_f32(round));
  const int32x4_t half = vshrq_n_s32(power, 1);
  const int32x4_t bias = vdupq_n_s32(127);
  const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(power, half), bias), 23);
  return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
}

}  // namespace linnet::kernels::neon
