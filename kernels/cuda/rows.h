// What kernels share that work on rows: sums over a block of threads, and quantising what a warp holds.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/launch.h"

namespace linnet::kernels::cuda {

// The sum over all threads of a block of at most 1,024, in one order; `room` holds 32 numbers of shared memory.
LINNET_DEVICE float block_sum(float x, float* room, std::uint32_t threads) {
  x = warp_sum(x);
  synchronise();  // The room may still be read from the sum before.
  if (lane_index() == 0) room[warp_index()] = x;
  synchronise();
  return warp_sum(lane_index() < threads / kWarp ? room[lane_index()] : 0.0F);
}

LINNET_DEVICE float block_maximum(float x, float* room, std::uint32_t threads) {
  x = warp_maximum(x);
  synchronise();
  if (lane_index() == 0) room[warp_index()] = x;
  synchronise();
  return warp_maximum(lane_index() < threads / kWarp ? room[lane_index()] : room[0]);
}

// A block of 32 activations, one a lane, as kernels/quantize has it: the same bits for the same input.
struct QuantisedNumber {
  std::int32_t value;
  float scale;  // The block's.
};
LINNET_DEVICE QuantisedNumber quantise(float x) {
  constexpr float kLeast = 0x1p-120F;
  constexpr float kRound = 0x1.8p23F;
  const float largest = warp_maximum(x < 0.0F ? -x : x);
  const bool zero = largest < kLeast;
  const float inverse = zero ? 0.0F : 127.0F / largest;
  const std::uint32_t bits = bits_of(product(x, inverse) + kRound);
  return {static_cast<std::int8_t>(bits & 0xFFU), zero ? 0.0F : largest / 127.0F};
}

// Quantises number `column` of a row of `columns`; a whole warp holds 32 that share a scale.
LINNET_DEVICE void put_quantised(const Q8Rows& out, std::uint32_t row, std::uint32_t columns, std::uint32_t column,
                                 float x) {
  for (std::uint32_t term = 0; term < out.terms; ++term) {
    const QuantisedNumber number = quantise(x);
    const std::size_t to = static_cast<std::size_t>(row) * out.terms + term;
    out.values[to * columns + column] = static_cast<std::int8_t>(number.value);
    if (lane_index() == 0) out.scales[to * (columns / 32) + column / 32] = number.scale;
    x = fused(-number.scale, static_cast<float>(number.value), x);
  }
}

}  // namespace linnet::kernels::cuda
