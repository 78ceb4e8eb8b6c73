// From a model file and a person's options to an engine that is ready.
#pragma once

#include <cstddef>

#include "runtime/base/result.h"
#include "runtime/engine/engine.h"
#include "runtime/language/machine.h"
#include "runtime/language/model_file.h"
#include "runtime/language/model_options.h"

namespace linnet::language {

// What a command needs of an engine beyond what a person chose. 0 is the engine's default.
struct EngineNeeds {
  std::size_t context = 0;  // Where the person gave none; at most the model's own is planned.
  std::size_t max_sequences = 1;
  std::size_t full_sequences = 0;
  std::size_t max_batch_rows = 0;
  std::size_t max_outputs = 0;
  Bytes text_memory{};
  engine::LoadWatcher* watcher = nullptr;  // Told while weights are copied to a GPU; null: nobody.
};

// The engine's options for this model, person and machine. Without --mem-budget the budget is what is available.
[[nodiscard]] engine::EngineOptions engine_options(const ModelFile& file, const ModelOptions& options,
                                                   const Machine& machine, const EngineNeeds& needs);

// Opens the file in the form that the kernels read. What cannot run at all (architecture, budget) is refused before
// anything is packed. Errors: those of open_as_it_is, Engine::plan, check_budget and packed_copy.
[[nodiscard]] Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine,
                                           PreparationWatcher& watcher);

// Errors, with the path: those of Engine::open. `file` must outlive the engine.
[[nodiscard]] Result<engine::Engine> open_engine(const ModelFile& file, const ModelOptions& options,
                                                 const Machine& machine, const EngineNeeds& needs);

}  // namespace linnet::language
