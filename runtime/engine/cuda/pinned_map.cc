#include "runtime/engine/cuda/pinned_map.h"

#include <variant>

#include "runtime/engine/cuda/device_map.h"
#include "runtime/engine/cuda/step_inputs.h"

namespace linnet::engine::cuda {
namespace {

constexpr std::size_t kPartAlignment = 256;

// The buffer that the operation fills from a table which stays in the file, or none.
const models::Embed* lookup_in_file(const models::Operation& operation, const models::Program& program) {
  const auto* embed = std::get_if<models::Embed>(&operation);
  if (embed == nullptr || is_matrix(program.weights[static_cast<std::size_t>(embed->table)])) return nullptr;
  return embed;
}

}  // namespace

PinnedLayout PinnedLayout::of(const Setup& setup) {
  PinnedLayout layout;
  const auto next = [&](std::size_t size) {
    const std::size_t start = layout.bytes;
    layout.bytes += (size + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
    return start;
  };
  layout.inputs = next(InputLayout::of(setup).bytes);
  for (const models::Step& step : setup.program.steps) {
    const auto* embed = lookup_in_file(step.operation, setup.program);
    layout.looked_up.push_back(
        embed == nullptr ? kNone
                         : next(setup.buffers.buffers[static_cast<std::size_t>(embed->out)].size() * sizeof(float)));
  }
  layout.logits = next(setup.buffers.buffers[static_cast<std::size_t>(setup.program.logits)].size() * sizeof(float));
  return layout;
}

Result<PinnedMap> PinnedMap::reserve(const Driver& driver, const Setup& setup) {
  PinnedMap map;
  map.layout_ = PinnedLayout::of(setup);
  void* memory = nullptr;
  LINNET_CHECK(driver.check(driver->allocate_pinned(&memory, map.layout_.bytes), "reserving pinned memory"));
  map.memory_ = PinnedMemory(driver, memory);
  return map;
}

}  // namespace linnet::engine::cuda
