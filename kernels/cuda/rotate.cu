// Rotary positions: the angles of a step, and the turning of queries and keys.
#include "kernels/cuda/rows.h"

namespace linnet::kernels::cuda {

// Sine and cosine in double, the polynomials of kernels/math: positions reach where float angles are useless.
struct Turn {
  double sine;
  double cosine;
};

LINNET_DEVICE Turn turn_of(double angle) {
  constexpr double kRound = 0x1.8p52;
  const double n = (angle * 0.63661977236758134308 + kRound) - kRound;  // Quarter turns.
  double rest = fused(-n, 0x1.921fb54442d18p+0, angle);
  rest = fused(-n, 0x1.1a62633145c07p-54, rest);
  rest = fused(-n, -0x1.f1976b7ed8fbcp-110, rest);
  const double square = rest * rest;
  double odd = 0.0;
  for (int k = 16; k >= 2; k -= 2) odd = (1.0 + odd) * (-square / (k * (k + 1.0)));
  double even = 0.0;
  for (int k = 17; k >= 3; k -= 2) even = (1.0 + even) * (-square / (k * (k + 1.0)));
  const double sine = fused(rest, odd, rest);
  const double cosine = 1.0 + fused(-0.5 * square, even, -0.5 * square);
  const auto quarters = static_cast<std::int64_t>(n);
  const bool swapped = (quarters & 1) != 0;
  const double s = swapped ? cosine : sine;
  const double c = swapped ? sine : cosine;
  return {(quarters & 2) != 0 ? -s : s, ((quarters + 1) & 2) != 0 ? -c : c};
}

LINNET_KERNEL(kRowThreads) linnet_cuda_fill_rotation(const FillRotationParameters p) {
  wait_for_predecessor();
  let_successor_start();
  const std::uint32_t pair = block_x() * kRowThreads + thread_index();
  if (pair >= p.pairs) return;
  const Turn turn = turn_of(static_cast<double>(p.positions[block_y()]) * p.frequencies[pair]);
  const std::size_t at = static_cast<std::size_t>(block_y()) * p.pairs + pair;
  p.cosines[at] = product(static_cast<float>(turn.cosine), p.magnitude);
  p.sines[at] = product(static_cast<float>(turn.sine), p.magnitude);
}

// A thread a pair of a head.
LINNET_KERNEL(kRowThreads) linnet_cuda_rotate(const RotateParameters p) {
  wait_for_predecessor();
  let_successor_start();
  std::uint32_t item = block_x() * kRowThreads + thread_index();
  RotatedRows part = p.parts[0];
  if (item >= part.heads * p.pairs) {
    if (p.part_count < 2) return;
    item -= part.heads * p.pairs;
    part = p.parts[1];
    if (item >= part.heads * p.pairs) return;
  }
  const std::uint32_t pair = item % p.pairs;
  const std::size_t row = block_y();
  float* const head = part.rows + row * part.stride + part.first + item / p.pairs * part.head_width;
  float& a = head[p.interleaved != 0 ? 2 * pair : pair];
  float& b = head[p.interleaved != 0 ? 2 * pair + 1 : pair + p.pairs];
  const float cosine = p.cosines[row * p.pairs + pair];
  const float sine = p.sines[row * p.pairs + pair];
  const float turned_a = product(a, cosine) - product(b, sine);
  const float turned_b = product(b, cosine) + product(a, sine);
  a = turned_a;
  b = turned_b;
}

}  // namespace linnet::kernels::cuda
