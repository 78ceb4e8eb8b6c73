#include "kernels/recurrence/recurrence.h"

#include <cmath>

#include "kernels/math/math.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

void convolve(const ShortConvolution& convolution, float* in_out) {
  for (std::size_t c = 0; c < convolution.channels; ++c) {
    const float* const weights = convolution.weights + c * convolution.taps;
    const float newest = in_out[c];
    float sum = 0;
    for (std::size_t t = 0; t + 1 < convolution.taps; ++t) {
      float& number = convolution.past[t * convolution.stride + c];
      sum = std::fma(number, weights[t], sum);
      number = t + 2 < convolution.taps ? convolution.past[(t + 1) * convolution.stride + c] : newest;
    }
    in_out[c] = math::silu(std::fma(newest, weights[convolution.taps - 1], sum));
  }
}

void delta(const DeltaStep& step, float* out) {
  for (std::size_t c = 0; c < step.value_width; ++c) {
    float held = 0;
    for (std::size_t i = 0; i < step.key_width; ++i) {
      float& number = step.state[i * step.value_width + c];
      number *= step.decay;
      held = std::fma(number, step.key[i], held);
    }
    const float change = (step.value[c] - held) * step.rate;
    out[c] = 0;
    for (std::size_t i = 0; i < step.key_width; ++i) {
      float& number = step.state[i * step.value_width + c];
      number = std::fma(step.key[i], change, number);
      out[c] = std::fma(number, step.query[i], out[c]);
    }
  }
}

}  // namespace

const Recurrence kRecurrence{convolve, delta};

}  // namespace linnet::kernels::LINNET_SCALAR
