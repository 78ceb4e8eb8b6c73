// Everything that follows from a file and the options before a byte is reserved: program, sizes, memory plan.
#pragma once

#include <cstddef>

#include "models/gguf/reader.h"
#include "models/pack/packed_view.h"
#include "models/program.h"
#include "runtime/base/result.h"
#include "runtime/engine/buffer_plan.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/memory_plan.h"
#include "runtime/engine/weights.h"
#include "runtime/engine/workspace.h"

namespace linnet::engine {

struct Setup {
  EngineOptions options;  // With every default filled in.
  models::Program program;
  Weights weights;
  BufferPlan buffers;
  WorkspaceShape workspace;
  CacheShape cache;
  MemoryPlan plan;
  std::size_t arena_bytes = 0;  // What the engine takes from its arena.
};

// Errors: those of Engine::open that do not need memory or threads; the budget is not looked at.
[[nodiscard]] Result<Setup> set_up(const gguf::Reader& header, const pack::PackedView& tensors,
                                   const EngineOptions& options, WeightsFor purpose);

}  // namespace linnet::engine
