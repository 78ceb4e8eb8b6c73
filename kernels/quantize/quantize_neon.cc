#include "kernels/math/vector_neon.h"
#include "kernels/quantize/quantize.h"

namespace linnet::kernels::neon {
namespace {

constexpr std::size_t kQuads = kActivationBlock / 4;

// Two registers, each rounded to even, as eight bytes.
int8x8_t to_bytes(float32x4_t a, float32x4_t b) {
  const int16x4_t low = vqmovn_s32(vcvtnq_s32_f32(a));
  const int16x4_t high = vqmovn_s32(vcvtnq_s32_f32(b));
  return vqmovn_s16(vcombine_s16(low, high));
}

}  // namespace

void quantize(const float* in, std::size_t columns, const Q8Row& out) {
  std::int8_t* values = out.values;
  for (std::size_t block = 0; block < columns / kActivationBlock; ++block) {
    float32x4_t x[kQuads];
    float32x4_t magnitudes = vdupq_n_f32(0.0F);
    for (std::size_t q = 0; q < kQuads; ++q) {
      x[q] = vld1q_f32(in + 4 * q);
      magnitudes = vmaxq_f32(magnitudes, vabsq_f32(x[q]));
    }
    const float largest = vmaxvq_f32(magnitudes);
    const bool zero = largest < kLeastMagnitude;
    const float32x4_t inverse = vdupq_n_f32(zero ? 0.0F : 127.0F / largest);
    std::int32_t sum = 0;
    for (std::size_t q = 0; q < kQuads; q += 2) {
      const int8x8_t eight = to_bytes(vmulq_f32(x[q], inverse), vmulq_f32(x[q + 1], inverse));
      vst1_s8(values + q / 2 * out.step, eight);
      sum += vaddlv_s8(eight);
    }
    out.scales[block * out.stride] = zero ? 0.0F : largest / 127.0F;
    out.sums[block * out.stride] = sum;
    in += kActivationBlock;
    values += kActivationBlock * out.stride;
  }
}

}  // namespace linnet::kernels::neon
