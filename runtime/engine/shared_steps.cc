#include "runtime/engine/shared_steps.h"

#include <algorithm>
#include <cassert>

#include "runtime/base/clock.h"

namespace linnet::engine {

SharedSteps::SharedSteps(Engine& engine)
    : engine_(engine),
      pace_(engine.options().max_outputs),
      shares_(engine.options().max_outputs),
      logits_(engine.options().max_outputs),
      taken_(engine.options().max_outputs),
      thrown_(engine.options().max_outputs) {}

// Returns how many of them decode.
std::size_t SharedSteps::share_out(std::span<Generator* const> generators) {
  std::size_t decoding = 0;
  for (std::size_t i = 0; i < generators.size(); ++i) {
    shares_[i] = generators[i]->prompt_left() == 0 ? 1 : 0;
    decoding += shares_[i];
  }
  std::size_t waiting = generators.size() - decoding;
  if (waiting == 0) return decoding;
  const std::size_t room = engine_.options().max_batch_rows - decoding;
  std::size_t rows = decoding == 0 ? room : std::min(room, pace_.rows_beside(decoding));
  if (rows != 0) rows = std::clamp(rows, std::min(waiting, room), room);
  // The shortest first: what it does not need of its part is for the others.
  for (; waiting != 0 && rows != 0; --waiting) {
    std::size_t next = generators.size();
    for (std::size_t i = 0; i < generators.size(); ++i) {
      const std::size_t left = generators[i]->prompt_left();
      if (left == 0 || shares_[i] != 0) continue;
      if (next == generators.size() || left < generators[next]->prompt_left()) next = i;
    }
    shares_[next] = std::min(generators[next]->prompt_left(), std::max<std::size_t>(1, rows / waiting));
    rows -= shares_[next];
  }
  return decoding;
}

Result<void> SharedSteps::compute(std::span<Generator* const> generators) {
  assert(!generators.empty() && generators.size() <= logits_.size());
  const std::size_t decoding = share_out(generators);
  const std::span<BatchRow> scratch = engine_.batch_scratch();
  std::size_t count = 0;
  for (std::size_t i = 0; i < generators.size(); ++i) {
    if (shares_[i] != 0) count += generators[i]->rows(scratch.subspan(count, shares_[i]));
  }
  const auto before = Clock::now();
  LINNET_TRY(const ConstTensorView outputs, engine_.step(scratch.first(count)));
  pace_.note(decoding, count - decoding, milliseconds_between(before, Clock::now()));
  std::size_t output = 0;
  for (std::size_t i = 0; i < generators.size(); ++i) {
    const bool asked = shares_[i] != 0 && generators[i]->prompt_left() == 0;
    logits_[i] = asked ? outputs.row(output++) : std::span<const float>{};
  }
  return {};
}

void SharedSteps::take(std::span<Generator* const> generators) {
  engine_.share(generators.size(), [&](std::size_t number, std::size_t worker) {
    if (!took(number)) return;
    try {
      taken_[number] = generators[number]->take(logits_[number], engine_.sampler_scratch(worker));
    } catch (...) {
      thrown_[number] = std::current_exception();
    }
  });
  std::exception_ptr first;
  for (std::exception_ptr& thrown : thrown_) {
    if (thrown && !first) first = thrown;
    thrown = nullptr;
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace linnet::engine
