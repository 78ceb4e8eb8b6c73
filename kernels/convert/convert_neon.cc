#include "kernels/convert/convert.h"
#include "kernels/math/vector_neon.h"

namespace linnet::kernels::neon {
namespace {

void to_f16(const float* in, std::uint16_t* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
  if (i < count) {
    std::uint16_t halves[4];
    vst1_u16(halves, vreinterpret_u16_f16(vcvt_f16_f32(load_tail(in + i, count - i))));
    for (std::size_t j = 0; i + j < count; ++j) out[i + j] = halves[j];
  }
}

void from_f16(const std::uint16_t* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 4) store_tail(out + i, count - i, load_f16_tail(in + i, count - i));
}

}  // namespace

const Convert kConvert{to_f16, from_f16};

}  // namespace linnet::kernels::neon
