#include "runtime/language/open_engine.h"

#include <algorithm>
#include <limits>
#include <string>

#include "runtime/limits/advice.h"

namespace linnet::language {
namespace {

// Positions the model was trained for; no limit where the header does not say (the engine then refuses the file).
std::size_t trained_context(const gguf::Reader& header) {
  const auto architecture = header.string_or("general.architecture", "");
  if (!architecture) return std::numeric_limits<std::size_t>::max();
  const auto length = header.u32(std::string(*architecture) + ".context_length");
  return length ? *length : std::numeric_limits<std::size_t>::max();
}

// Where the model does not fit with the shortest context either, which one would.
Error with_what_fits(Error error, const engine::EngineOptions& options) {
  error.message += "; " + limits::what_would_fit(*options.memory_budget, options.threads);
  return error;
}

bool fits_with_any_context(const gguf::Reader& header, engine::EngineOptions options) {
  options.context = 1;
  const auto plan = engine::Engine::plan(header, options);
  return !plan || engine::check_budget(*plan, *options.memory_budget);
}

}  // namespace

engine::EngineOptions engine_options(const ModelFile& file, const ModelOptions& options, const Machine& machine,
                                     const EngineNeeds& needs) {
  engine::EngineOptions result;
  result.context = options.context.value_or(std::min(needs.context, trained_context(*file.header)));
  result.max_sequences = needs.max_sequences;
  result.full_sequences = needs.full_sequences;
  result.max_batch_rows = needs.max_batch_rows;
  result.max_outputs = needs.max_outputs;
  result.threads = options.threads != 0 ? options.threads : machine.threads;
  result.memory_budget = options.memory_budget ? options.memory_budget : machine.available_memory;
  result.available_memory = machine.available_memory;
  result.memory = options.memory;
  result.files = file.pages();
  result.cpu = machine.cpu;
  result.forced = machine.forced;
  result.device = options.device;
  result.cache_format = options.cache_format;
  result.cuda = machine.cuda;
  result.watcher = needs.watcher;
  result.text_memory = needs.text_memory;
  result.weights_in_memory = file.in_memory();
  return result;
}

Result<ModelFile> open_model(const ModelOptions& options, const Machine& machine, PreparationWatcher& watcher) {
  const CacheUse cache = options.cache ? CacheUse::kAllowed : CacheUse::kForbidden;
  const auto limit = options.memory_budget ? options.memory_budget : machine.available_memory;
  LINNET_TRY(ModelFile plain,
             open_source(options.path, {.for_engine = true, .cache = cache, .memory_limit = limit}, watcher));
  LINNET_TRY(const bool to_pack, needs_packing(plain));
  if (!to_pack) return plain;
  // The least that any use of it needs: a command's own needs are held against the budget when the engine opens.
  const auto least = engine_options(plain, options, machine, {.context = 1, .max_batch_rows = 1});
  auto plan = engine::Engine::plan(*plain.header, least);
  if (!plan) return tl::unexpected(with_context(plain.path, plan.error()));
  if (least.memory_budget) {
    auto fits = engine::check_budget(*plan, *least.memory_budget);
    if (!fits) return tl::unexpected(with_context(plain.path, with_what_fits(fits.error(), least)));
  }
  return packed_copy(plain, cache, least.memory_budget, watcher);
}

Result<engine::Engine> open_engine(const ModelFile& file, const ModelOptions& options, const Machine& machine,
                                   const EngineNeeds& needs) {
  const engine::EngineOptions how = engine_options(file, options, machine, needs);
  auto engine = engine::Engine::open(*file.header, how);
  // An option that makes no sense is not the file's fault: its line stands alone.
  if (engine || engine.error().kind == ErrorKind::kUsage) return engine;
  if (engine.error().kind == ErrorKind::kExhausted && how.memory_budget && !fits_with_any_context(*file.header, how)) {
    return tl::unexpected(with_context(file.path, with_what_fits(engine.error(), how)));
  }
  return tl::unexpected(with_context(file.path, engine.error()));
}

}  // namespace linnet::language
