#include "kernels/recurrence/recurrence.h"

#include "kernels/math/vector_neon.h"

namespace linnet::kernels::neon {
namespace {

// x / (1 + e^-x)
float32x4_t silu(float32x4_t x) { return vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0F), exp(vnegq_f32(x)))); }

// Four channels at a time; the weights of a tap lie `taps` apart.
void convolve(const ShortConvolution& convolution, float* in_out) {
  for (std::size_t c = 0; c < convolution.channels; c += 4) {
    const std::size_t left = convolution.channels - c;
    const auto weight = [&](std::size_t tap) {
      float numbers[4] = {};
      for (std::size_t lane = 0; lane < 4 && lane < left; ++lane) {
        numbers[lane] = convolution.weights[(c + lane) * convolution.taps + tap];
      }
      return vld1q_f32(numbers);
    };
    const float32x4_t newest = load_tail(in_out + c, left);
    float* past = convolution.past + c;
    float32x4_t sum = vdupq_n_f32(0.0F);
    for (std::size_t t = 0; t + 1 < convolution.taps; ++t, past += convolution.stride) {
      sum = vfmaq_f32(sum, load_tail(past, left), weight(t));
      const bool last = t + 2 == convolution.taps;
      store_tail(past, left, last ? newest : load_tail(past + convolution.stride, left));
    }
    store_tail(in_out + c, left, silu(vfmaq_f32(sum, newest, weight(convolution.taps - 1))));
  }
}

// 4 * kRegisters columns of all rows, the last register in part where `left` says so.
template <std::size_t kRegisters>
void delta_columns(const DeltaStep& step, std::size_t first, std::size_t left, float* out) {
  const auto load = [left](const float* from, std::size_t r) {
    return kRegisters > 1 ? vld1q_f32(from + 4 * r) : load_tail(from, left);
  };
  const auto store = [left](float* to, std::size_t r, float32x4_t numbers) {
    kRegisters > 1 ? vst1q_f32(to + 4 * r, numbers) : store_tail(to, left, numbers);
  };
  float32x4_t held[kRegisters];
  for (float32x4_t& sum : held) sum = vdupq_n_f32(0.0F);
  for (std::size_t i = 0; i < step.key_width; ++i) {
    float* const row = step.state + i * step.value_width + first;
    for (std::size_t r = 0; r < kRegisters; ++r) {
      const float32x4_t kept = vmulq_n_f32(load(row, r), step.decay);
      store(row, r, kept);
      held[r] = vfmaq_n_f32(held[r], kept, step.key[i]);
    }
  }
  float32x4_t change[kRegisters];
  float32x4_t read[kRegisters];
  for (std::size_t r = 0; r < kRegisters; ++r) {
    change[r] = vmulq_n_f32(vsubq_f32(load(step.value + first, r), held[r]), step.rate);
    read[r] = vdupq_n_f32(0.0F);
  }
  for (std::size_t i = 0; i < step.key_width; ++i) {
    float* const row = step.state + i * step.value_width + first;
    for (std::size_t r = 0; r < kRegisters; ++r) {
      const float32x4_t learned = vfmaq_n_f32(load(row, r), change[r], step.key[i]);
      store(row, r, learned);
      read[r] = vfmaq_n_f32(read[r], learned, step.query[i]);
    }
  }
  for (std::size_t r = 0; r < kRegisters; ++r) store(out + first, r, read[r]);
}

void delta(const DeltaStep& step, float* out) {
  std::size_t first = 0;
  for (; first + 16 <= step.value_width; first += 16) delta_columns<4>(step, first, 16, out);
  for (; first < step.value_width; first += 4) delta_columns<1>(step, first, step.value_width - first, out);
}

}  // namespace

const Recurrence kRecurrence{convolve, delta};

}  // namespace linnet::kernels::neon
