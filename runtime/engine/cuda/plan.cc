#include "runtime/engine/cuda/plan.h"

#include <string>

#include "runtime/engine/cuda/device_map.h"
#include "runtime/engine/cuda/device_weights.h"
#include "runtime/engine/cuda/pinned_map.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/workspace.h"

namespace linnet::engine::cuda {
namespace {

// Captured graphs and what the driver takes beside what it was asked for.
constexpr Bytes kSpare{64 * kMiB.count};

// Heap of the driver itself, in this process: what an H100's (driver 580) took beside the other rows.
constexpr Bytes kDriver{20 * kMiB.count};

// What `take` would take of a device.
template <class Take>
Bytes measured(Take take) {
  DeviceMeasure measure;
  DeviceMap map;
  take(measure, map);
  return measure.layout().total();
}

void add_device_rows(MemoryPlan& plan, const Setup& setup, bool in_place) {
  const DeviceShape shape = DeviceShape::of(setup);
  const auto add = [&](std::string_view name, Bytes size, std::string detail) {
    plan.rows.push_back({name, MemoryKind::kDevice, size, std::move(detail)});
  };
  const auto rows_text = std::to_string(setup.options.max_batch_rows) + " rows";
  const Bytes weights = measured([&](auto& source, DeviceMap& map) {
    if (!in_place) take_matrices(source, setup, map);
    take_vectors(source, setup, map);
  });
  add("GPU weights", weights, in_place ? "vectors; matrices stay in the mapped file" : touched_detail(setup));
  add("GPU KV cache", measured([&](auto& source, DeviceMap& map) { take_cache(source, setup, map); }),
      cache_detail(setup.program, setup.options));
  add("GPU activations", measured([&](auto& source, DeviceMap& map) { take_scratch(source, shape, map); }), rows_text);
}

Bytes bookkeeping_bytes(const Setup& setup) {
  Measure measure;
  (void)KvCache(measure, setup.program, setup.cache);
  return {measure.bytes()};
}

}  // namespace

bool reads_in_place(const EngineOptions& options, const DeviceFacts& facts) {
  return can_map(facts) && !options.weights_in_memory;
}

Result<void> plan_for_gpu(Setup& setup, const DeviceFacts& facts) {
  LINNET_CHECK(resolve_options(setup, kDefaultBatchRows));
  const bool in_place = reads_in_place(setup.options, facts);
  std::vector<MemoryRow> arena;
  arena.push_back({"sequences", MemoryKind::kAnonymous, bookkeeping_bytes(setup), "tables of pages"});
  arena.push_back({"sampler", MemoryKind::kAnonymous, sampler_bytes(setup), {}});
  setup.arena_bytes = static_cast<std::size_t>(arena[0].size.count + arena[1].size.count);
  arena.push_back({"pinned memory", MemoryKind::kAnonymous, Bytes{PinnedLayout::of(setup).bytes},
                   std::to_string(setup.options.max_outputs) + " rows of logits, a step's inputs"});
  arena.push_back({"GPU driver", MemoryKind::kAnonymous, kDriver, "its own heap, as measured on one machine"});
  const bool in_memory = setup.options.weights_in_memory;
  setup.plan =
      plan_of(setup,
              {in_memory ? "weights, in memory" : "weights", in_memory ? MemoryKind::kAnonymous : MemoryKind::kMapped,
               setup.file, in_place ? touched_detail(setup) + ", in place" : "read once, copied to the GPU"},
              std::move(arena));
  if (!in_place) setup.plan.touched_weights = {};
  setup.plan.device_is_host = facts.integrated;
  if (!facts.integrated) setup.plan.page = {};
  add_device_rows(setup.plan, setup, in_place);
  return {};
}

Result<void> check_device_memory(const MemoryPlan& plan, const DeviceFacts& facts) {
  const Bytes needed = plan.total(MemoryKind::kDevice) + kSpare;
  if (needed <= facts.free_memory) return {};
  return fail(ErrorKind::kExhausted, "the model needs " + to_string(needed) + " of the GPU's memory and " +
                                         to_string(facts.free_memory) + " are free");
}

}  // namespace linnet::engine::cuda
