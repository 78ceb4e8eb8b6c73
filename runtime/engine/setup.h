// Everything that follows from a file and the options before a byte is reserved: program, sizes, memory plan.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

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
  Bytes file;                   // Of the model.
};

// Program, weights and the options as they were given; nothing is planned yet. Errors: those of Engine::open that lie
// in the file.
[[nodiscard]] Result<Setup> read_setup(const gguf::Reader& header, const pack::PackedView& tensors,
                                       const EngineOptions& options, WeightsFor purpose);

// Fills in every default and checks the options. Errors: kUsage, kExhausted (beyond what can be addressed).
[[nodiscard]] Result<void> resolve_options(Setup& setup, std::size_t default_batch_rows);

// Fills in the rest for the processor: options, sizes, memory plan. May be called again with the same options after a
// device was lost. Errors: those of resolve_options; the budget is not looked at.
[[nodiscard]] Result<void> plan_for_cpu(Setup& setup);

// The plan's counts, and its rows that do not depend on what computes: `weights` first, `arena` as it is, then what the
// caller and the process hold.
[[nodiscard]] MemoryPlan plan_of(const Setup& setup, MemoryRow weights, std::vector<MemoryRow> arena);

// Threads that may sample at the same time: each needs room for a vocabulary.
[[nodiscard]] std::size_t sampler_places(const Setup& setup);

// Rows of the plan for what the engine itself takes from its arena: bookkeeping of sequences, sampler.
[[nodiscard]] Bytes sampler_bytes(const Setup& setup);
[[nodiscard]] std::string cache_detail(const models::Program& program, const EngineOptions& options);
[[nodiscard]] std::string touched_detail(const Setup& setup);

}  // namespace linnet::engine
