#include "kernels/rotate/rotate.h"

namespace linnet::kernels::LINNET_SCALAR {
namespace {

void turn(float& a, float& b, float cosine, float sine) {
  const float turned_a = a * cosine - b * sine;
  const float turned_b = b * cosine + a * sine;
  a = turned_a;
  b = turned_b;
}

void rotate_halves(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                   std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    for (std::size_t i = 0; i < pairs; ++i) turn(head[i], head[i + pairs], cosines[i], sines[i]);
  }
}

void rotate_interleaved(float* row, std::size_t heads, std::size_t head_width, const float* cosines, const float* sines,
                        std::size_t pairs) {
  for (float* head = row; head != row + heads * head_width; head += head_width) {
    for (std::size_t i = 0; i < pairs; ++i) turn(head[2 * i], head[2 * i + 1], cosines[i], sines[i]);
  }
}

}  // namespace

const Rotate kRotate{rotate_halves, rotate_interleaved};

}  // namespace linnet::kernels::LINNET_SCALAR
