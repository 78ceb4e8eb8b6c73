#include "kernels/convert/convert.h"
#include "kernels/formats/half.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

void to_f16(const float* in, std::uint16_t* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = f32_to_f16(in[i]);
}

void from_f16(const std::uint16_t* in, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = f16_to_f32(in[i]);
}

}  // namespace

const Convert kConvert{to_f16, from_f16};

}  // namespace linnet::kernels::LINNET_SCALAR
