#include "kernels/math/vector_neon.h"
#include "kernels/softmax/softmax.h"

namespace linnet::kernels::neon {
namespace {

// Dividing by 1 changes no bit, and a division costs as much as a third of the exponential.
float mass(const float* logits, std::size_t count, float largest, float temperature) {
  const float32x4_t most = vdupq_n_f32(largest);
  const float32x4_t divisor = vdupq_n_f32(temperature);
  if (temperature == 1.0F) {
    return lane_total(logits, count,
                      [=](float32x4_t x, float32x4_t lane) { return vaddq_f32(lane, exp(vsubq_f32(x, most))); });
  }
  return lane_total(logits, count, [=](float32x4_t x, float32x4_t lane) {
    return vaddq_f32(lane, exp(vdivq_f32(vsubq_f32(x, most), divisor)));
  });
}

constexpr std::uint32_t kLargestFinite = 0x7F7FFFFF;
constexpr std::size_t kStep = 16;  // Four registers: a maximum takes some cycles until the next can use it.

struct Extremes {
  float32x4_t most;
  uint32x4_t magnitude;  // Without its sign a float orders as an integer does; what is not finite is beyond all.
};

Extremes take(const Extremes& so_far, float32x4_t x) {
  return {vmaxq_f32(so_far.most, x), vmaxq_u32(so_far.magnitude, vreinterpretq_u32_f32(vabsq_f32(x)))};
}

Extremes join(const Extremes& a, const Extremes& b) {
  return {vmaxq_f32(a.most, b.most), vmaxq_u32(a.magnitude, b.magnitude)};
}

// Whether one of the kStep numbers equals.
bool holds(const float* from, float32x4_t value) {
  uint32x4_t found = vdupq_n_u32(0);
  for (std::size_t i = 0; i < kStep; i += 4) found = vorrq_u32(found, vceqq_f32(vld1q_f32(from + i), value));
  return vmaxvq_u32(found) != 0;
}

std::size_t largest(const float* logits, std::size_t count) {
  if (count == 0) return 0;
  const Extremes first = take({vdupq_n_f32(logits[0]), vdupq_n_u32(0)}, vdupq_n_f32(logits[0]));
  Extremes four[4] = {first, first, first, first};
  std::size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (std::size_t k = 0; k < 4; ++k) four[k] = take(four[k], vld1q_f32(logits + i + 4 * k));
  }
  Extremes all = join(join(four[0], four[1]), join(four[2], four[3]));
  for (; i < count; ++i) all = take(all, vdupq_n_f32(logits[i]));
  if (vmaxvq_u32(all.magnitude) > kLargestFinite) return count;
  const float most = vmaxvq_f32(all.most);
  for (i = 0; i + kStep <= count && !holds(logits + i, vdupq_n_f32(most));) i += kStep;
  while (logits[i] != most) ++i;
  return i;
}

}  // namespace

const Softmax kSoftmax{mass, largest};

}  // namespace linnet::kernels::neon
