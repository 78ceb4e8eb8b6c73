// Operations on recurrent states. Rows of a sequence come in the order of their positions, and each thread takes all
// rows for its channels or its head: so neither chunks nor neighbours in the batch show.
#include <algorithm>

#include "kernels/math/math.h"
#include "runtime/engine/executor.h"

namespace linnet::engine {
namespace {

// Channels that one chunk takes: 3 KiB of past numbers, and enough chunks for every core of a wide layer.
constexpr std::size_t kChannels = 256;

}  // namespace

void Executor::execute(const models::ShortConvolution& op) {
  const TensorView rows = buffer(op.in_out);
  const std::size_t taps = weights_.view(op.weight).columns;
  pool_.run((rows.width() + kChannels - 1) / kChannels, [&](std::size_t chunk, std::size_t) {
    const std::size_t first = chunk * kChannels;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const kernels::ShortConvolution convolution{.past = cache_.recurrent(op.state, batch_[row].sequence) + first,
                                                  .stride = rows.width(),
                                                  .weights = weights_.vector(op.weight) + first * taps,
                                                  .taps = taps,
                                                  .channels = std::min(kChannels, rows.width() - first)};
      kernels_.recurrence->convolve(convolution, rows.row(row).data() + first);
    }
  });
}

void Executor::execute(const models::GatedDelta& op) {
  pool_.run(buffer(op.decay).width(), [&](std::size_t head, std::size_t) { step_state(op, head); });
}

// One value head, all rows.
void Executor::step_state(const models::GatedDelta& op, std::size_t head) {
  const TensorView mixed = buffer(op.mixed);
  const TensorView out = buffer(op.out);
  const TensorView decays = buffer(op.decay);
  const TensorView rates = buffer(op.rate);
  const std::size_t value_width = out.width() / decays.width();
  const std::size_t key = head % op.key_heads * op.key_width;
  const std::size_t keys = op.key_heads * op.key_width;
  const float bias = weights_.vector(op.decay_bias)[head];
  const float scale = weights_.vector(op.decay_scale)[head];
  for (std::size_t row = 0; row < mixed.rows(); ++row) {
    const float* const numbers = mixed.row(row).data();
    const kernels::DeltaStep step{
        .state = cache_.recurrent(op.state, batch_[row].sequence) + head * op.key_width * value_width,
        .query = numbers + key,
        .key = numbers + keys + key,
        .value = numbers + 2 * keys + head * value_width,
        .key_width = op.key_width,
        .value_width = value_width,
        .decay = kernels::math::exp(scale * kernels::math::softplus(decays.row(row)[head] + bias)),
        .rate = 1.0F / (1.0F + kernels::math::exp(-rates.row(row)[head]))};
    kernels_.recurrence->delta(step, out.row(row).data() + head * value_width);
  }
}

}  // namespace linnet::engine
