#include "kernels/math/vector_neon.h"
#include "kernels/quantize/quantize.h"

namespace linnet::kernels::neon {
namespace {

constexpr std::size_t kQuads = kActivationBlock / 4;

// Two registers of whole numbers as eight bytes.
int8x8_t to_bytes(int32x4_t a, int32x4_t b) { return vqmovn_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b))); }

struct Block {
  float32x4_t x[kQuads];

  void load(const float* in) {
    for (std::size_t q = 0; q < kQuads; ++q) x[q] = vld1q_f32(in + 4 * q);
  }

  // Rounds it, each number to even, to block number `block` of a row, and leaves what is left of it.
  void quantize(float scale, float32x4_t inverse, std::size_t block, const Q8Row& out) {
    std::int8_t* const values = out.values + block * out.stride * kActivationBlock;
    std::int32_t sum = 0;
    for (std::size_t q = 0; q < kQuads; q += 2) {
      const int32x4_t first = vcvtnq_s32_f32(vmulq_f32(x[q], inverse));
      const int32x4_t second = vcvtnq_s32_f32(vmulq_f32(x[q + 1], inverse));
      const int8x8_t eight = to_bytes(first, second);
      vst1_s8(values + q / 2 * out.step, eight);
      sum += vaddlv_s8(eight);
      x[q] = vfmsq_f32(x[q], vdupq_n_f32(scale), vcvtq_f32_s32(first));
      x[q + 1] = vfmsq_f32(x[q + 1], vdupq_n_f32(scale), vcvtq_f32_s32(second));
    }
    out.scales[block * out.stride] = scale;
    out.sums[block * out.stride] = sum;
  }
};

// kJoined blocks have one scale.
template <std::size_t kJoined>
void quantize_joined(const float* in, std::size_t columns, const Q8Row* terms, std::size_t count) {
  for (std::size_t first = 0; first < columns / kActivationBlock; first += kJoined) {
    Block blocks[kJoined];
    for (std::size_t b = 0; b < kJoined; ++b) blocks[b].load(in + (first + b) * kActivationBlock);
    for (std::size_t t = 0; t < count; ++t) {
      float32x4_t magnitudes = vdupq_n_f32(0.0F);
      for (const Block& block : blocks) {
        for (const float32x4_t four : block.x) magnitudes = vmaxq_f32(magnitudes, vabsq_f32(four));
      }
      const float largest = vmaxvq_f32(magnitudes);
      const bool zero = largest < kLeastMagnitude;
      const float32x4_t inverse = vdupq_n_f32(zero ? 0.0F : 127.0F / largest);
      const float scale = zero ? 0.0F : largest / 127.0F;
      for (std::size_t b = 0; b < kJoined; ++b) blocks[b].quantize(scale, inverse, first + b, terms[t]);
    }
  }
}

}  // namespace

void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count) {
  switch (joined) {
    case 4: return quantize_joined<4>(in, columns, terms, count);
    case 2: return quantize_joined<2>(in, columns, terms, count);
    default: return quantize_joined<1>(in, columns, terms, count);
  }
}

}  // namespace linnet::kernels::neon
