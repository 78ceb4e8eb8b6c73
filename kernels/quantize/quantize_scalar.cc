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

// Rounds `count` numbers to the blocks from number `block` of a row on, under one scale, and leaves what is left of
// them.
void quantize_joined(float* x, std::size_t count, std::size_t block, const Q8Row& out) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  const bool zero = largest < kLeastMagnitude;
  const float inverse = zero ? 0.0F : 127.0F / largest;
  const float scale = zero ? 0.0F : largest / 127.0F;
  for (const float* const end = x + count; x != end; x += kActivationBlock, ++block) {
    std::int8_t* const values = out.values + block * out.stride * kActivationBlock;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < kActivationBlock; ++i) {
      const std::int8_t value = round_to_even(x[i] * inverse);
      values[i / kActivationChunk * out.step + i % kActivationChunk] = value;
      sum += value;
      x[i] = std::fma(-scale, static_cast<float>(value), x[i]);
    }
    out.scales[block * out.stride] = scale;
    out.sums[block * out.stride] = sum;
  }
}

}  // namespace

void quantize(const float* in, std::size_t columns, std::size_t joined, const Q8Row* terms, std::size_t count) {
  const std::size_t numbers = joined * kActivationBlock;
  for (std::size_t block = 0; block < columns / kActivationBlock; block += joined) {
    float x[kMostJoinedBlocks * kActivationBlock];
    std::copy_n(in + block * kActivationBlock, numbers, x);
    for (std::size_t t = 0; t < count; ++t) quantize_joined(x, numbers, block, terms[t]);
  }
}

}  // namespace linnet::kernels::LINNET_SCALAR
