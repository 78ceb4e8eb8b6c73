#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/quantize/quantize.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

// Round to even of |x| <= 2^22 without a conversion that a NaN would make undefined: the sum's low bits are the
// integer.
std::int8_t round_to_even(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x + 0x1.8p23F);
  return static_cast<std::int8_t>(bits & 0xFFU);
}

}  // namespace

void quantize(const float* in, std::size_t columns, const Q8Row& out) {
  std::int8_t* values = out.values;
  for (std::size_t block = 0; block < columns / kActivationBlock; ++block) {
    float largest = 0.0F;
    for (std::size_t i = 0; i < kActivationBlock; ++i) largest = std::max(largest, std::abs(in[i]));
    const bool zero = largest < kLeastMagnitude;
    const float inverse = zero ? 0.0F : 127.0F / largest;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < kActivationBlock; ++i) {
      const std::int8_t value = round_to_even(in[i] * inverse);
      values[i / kActivationChunk * out.step + i % kActivationChunk] = value;
      sum += value;
    }
    out.scales[block * out.stride] = zero ? 0.0F : largest / 127.0F;
    out.sums[block * out.stride] = sum;
    in += kActivationBlock;
    values += kActivationBlock * out.stride;
  }
}

}  // namespace linnet::kernels::LINNET_SCALAR
