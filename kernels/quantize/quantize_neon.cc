#include "kernels/math/vector_neon.h"
#include "kernels/quantize/quantize.h"

namespace linnet::kernels::neon {
namespace {

constexpr std::size_t kQuads = kActivationBlock / 4;

// Two registers of whole numbers as eight bytes.
int8x8_t to_bytes(int32x4_t a, int32x4_t b) { return vqmovn_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b))); }

// Rounds a block, each number to even, to block number `block` of a row, and leaves what is left of it.
void quantize_block(float32x4_t (&x)[kQuads], std::size_t block, const Q8Row& out) {
  float32x4_t magnitudes = vdupq_n_f32(0.0F);
  for (const float32x4_t four : x) magnitudes = vmaxq_f32(magnitudes, vabsq_f32(four));
  const float largest = vmaxvq_f32(magnitudes);
  const bool zero = largest < kLeastMagnitude;
  const float32x4_t inverse = vdupq_n_f32(zero ? 0.0F : 127.0F / largest);
  const float32x4_t scale = vdupq_n_f32(zero ? 0.0F : largest / 127.0F);
  std::int8_t* const values = out.values + block * out.stride * kActivationBlock;
  std::int32_t sum = 0;
  for (std::size_t q = 0; q < kQuads; q += 2) {
    const int32x4_t first = vcvtnq_s32_f32(vmulq_f32(x[q], inverse));
    const int32x4_t second = vcvtnq_s32_f32(vmulq_f32(x[q + 1], inverse));
    const int8x8_t eight = to_bytes(first, second);
    vst1_s8(values + q / 2 * out.step, eight);
    sum += vaddlv_s8(eight);
    x[q] = vfmsq_f32(x[q], scale, vcvtq_f32_s32(first));
    x[q + 1] = vfmsq_f32(x[q + 1], scale, vcvtq_f32_s32(second));
  }
  out.scales[block * out.stride] = vgetq_lane_f32(scale, 0);
  out.sums[block * out.stride] = sum;
}

}  // namespace

void quantize(const float* in, std::size_t columns, const Q8Row* terms, std::size_t count) {
  for (std::size_t block = 0; block < columns / kActivationBlock; ++block) {
    float32x4_t x[kQuads];
    for (std::size_t q = 0; q < kQuads; ++q) x[q] = vld1q_f32(in + block * kActivationBlock + 4 * q);
    for (std::size_t t = 0; t < count; ++t) quantize_block(x, block, terms[t]);
  }
}

}  // namespace linnet::kernels::neon
