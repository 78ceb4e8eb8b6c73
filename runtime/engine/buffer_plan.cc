#include "runtime/engine/buffer_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace linnet::engine {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

std::size_t index(models::BufferId id) { return static_cast<std::size_t>(id); }

// The steps between which each buffer lives.
void find_lifetimes(const models::Program& program, std::vector<PlannedBuffer>& buffers) {
  for (PlannedBuffer& buffer : buffers) buffer.first_step = kNever;
  for (std::size_t step = 0; step < program.steps.size(); ++step) {
    const auto touch = [&](models::BufferId id) {
      PlannedBuffer& buffer = buffers[index(id)];
      buffer.first_step = std::min(buffer.first_step, step);
      buffer.last_step = step;
    };
    for (const auto id : models::reads(program.steps[step].operation)) touch(id);
    for (const auto id : models::writes(program.steps[step].operation)) touch(id);
  }
}

bool live_together(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

// The lowest offset at which `buffer` meets none of `placed` (by offset ascending) that lives when it does.
std::size_t lowest_gap(const PlannedBuffer& buffer, const std::vector<const PlannedBuffer*>& placed) {
  std::size_t offset = 0;
  for (const PlannedBuffer* other : placed) {
    if (!live_together(buffer, *other)) continue;
    if (offset + buffer.size() <= other->offset) break;
    offset = std::max(offset, other->offset + other->size());
  }
  return offset;
}

}  // namespace

BufferPlan plan_buffers(const models::Program& program, std::size_t rows, std::size_t outputs) {
  BufferPlan plan;
  for (const models::Buffer& buffer : program.buffers) {
    const std::size_t stride = (buffer.width + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
    plan.buffers.push_back({.stride = stride, .rows = buffer.rows == models::RowsOf::kTokens ? rows : outputs});
  }
  find_lifetimes(program, plan.buffers);

  // The largest first, each as low as it goes: interval colouring's usual greedy order.
  std::vector<std::size_t> order(plan.buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return plan.buffers[a].size() > plan.buffers[b].size(); });
  std::vector<const PlannedBuffer*> placed;
  for (const std::size_t id : order) {
    PlannedBuffer& buffer = plan.buffers[id];
    if (id == index(program.logits) || buffer.first_step == kNever) continue;
    buffer.offset = lowest_gap(buffer, placed);
    plan.size = std::max(plan.size, buffer.offset + buffer.size());
    const auto behind = std::upper_bound(placed.begin(), placed.end(), buffer.offset,
                                         [](std::size_t o, const PlannedBuffer* p) { return o < p->offset; });
    placed.insert(behind, &buffer);
  }
  PlannedBuffer& logits = plan.buffers[index(program.logits)];
  logits.offset = plan.size;
  plan.size += logits.size();
  return plan;
}

}  // namespace linnet::engine
