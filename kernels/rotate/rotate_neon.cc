#include "kernels/math/vector_neon.h"
#include "kernels/rotate/rotate.h"

namespace linnet::kernels::neon {
namespace {

// Turns pairs (a[i], b[i]), i < 4.
void turn(float32x4_t& a, float32x4_t& b, float32x4_t cosine, float32x4_t sine) {
  const float32x4_t turned_a = vsubq_f32(vmulq_f32(a, cosine), vmulq_f32(b, sine));
  b = vaddq_f32(vmulq_f32(b, cosine), vmulq_f32(a, sine));
  a = turned_a;
}

void rotate_halves(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                   std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    for (std::size_t i = 0; i < pairs; i += 4) {
      const std::size_t left = pairs - i;
      float32x4_t a = load_tail(head + i, left);
      float32x4_t b = load_tail(head + pairs + i, left);
      turn(a, b, load_tail(cosines + i, left), load_tail(sines + i, left));
      store_tail(head + i, left, a);
      store_tail(head + pairs + i, left, b);
    }
  }
}

// Fewer than four neighbouring pairs.
void turn_last(float* numbers, const float* cosines, const float* sines, std::size_t pairs) {
  float eight[8] = {};
  for (std::size_t i = 0; i < 2 * pairs; ++i) eight[i] = numbers[i];
  float32x4x2_t both = vld2q_f32(eight);
  turn(both.val[0], both.val[1], load_tail(cosines, pairs), load_tail(sines, pairs));
  vst2q_f32(eight, both);
  for (std::size_t i = 0; i < 2 * pairs; ++i) numbers[i] = eight[i];
}

void rotate_interleaved(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                        std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    std::size_t i = 0;
    for (; i + 4 <= pairs; i += 4) {
      float32x4x2_t both = vld2q_f32(head + 2 * i);
      turn(both.val[0], both.val[1], vld1q_f32(cosines + i), vld1q_f32(sines + i));
      vst2q_f32(head + 2 * i, both);
    }
    if (i < pairs) turn_last(head + 2 * i, cosines + i, sines + i, pairs - i);
  }
}

}  // namespace

const Rotate kRotate{rotate_halves, rotate_interleaved};

}  // namespace linnet::kernels::neon
