#include "runtime/engine/engine.h"

#include <cassert>
#include <utility>

#include "models/pack/packed_view.h"
#include "runtime/base/arena.h"
#include "runtime/base/clock.h"
#include "runtime/base/mapped_file.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/setup.h"
#include "runtime/engine/thread_pool.h"

namespace linnet::engine {

// In the order of construction; later parts refer to earlier ones, so nothing moves once it is here.
struct Engine::Parts {
  std::optional<MappedFile> file;  // None where the caller holds the bytes.
  std::optional<gguf::Reader> reader;
  Setup setup;
  KernelSet kernels;
  std::optional<Arena> arena;
  std::unique_ptr<ThreadPool> pool;
  std::optional<KvCache> cache;
  std::optional<Executor> executor;
  std::span<Candidate> candidates;
  std::span<BatchRow> rows;
  std::span<StepCost> costs;
  EngineMetrics metrics;

  [[nodiscard]] Result<void> prepare(gguf::Reader model, const EngineOptions& options);
  [[nodiscard]] Result<void> reserve();
  [[nodiscard]] Result<void> admit(Batch batch);
};

// All that can be refused without memory.
Result<void> Engine::Parts::prepare(gguf::Reader model, const EngineOptions& options) {
  reader.emplace(std::move(model));
  LINNET_TRY(const auto tensors, pack::PackedView::open(*reader));
  LINNET_TRY(setup, set_up(*reader, tensors, options, WeightsFor::kRunning));
  LINNET_TRY(kernels, KernelSet::choose(options.cpu, options.forced));
  if (options.memory_budget) LINNET_CHECK(check_budget(setup.plan, *options.memory_budget));
  return {};
}

// Takes what was planned, and starts the threads.
Result<void> Engine::Parts::reserve() {
  LINNET_TRY(arena, Arena::create({setup.arena_bytes}));
  LINNET_TRY(pool, ThreadPool::create(setup.options.threads));
  cache.emplace(*arena, setup.program, setup.cache);
  cache->reset(setup.program);
  const Workspace workspace = Workspace::take(*arena, setup.workspace);
  candidates = arena->take<Candidate>(setup.program.vocabulary);
  rows = arena->take<BatchRow>(setup.options.max_batch_rows);
  if (const std::size_t bytes = transposed_bytes(setup.weights, setup.program); bytes != 0) {
    load_transposed(setup.weights, setup.program, arena->take<std::byte>(bytes));
  }
  const std::size_t copies = copied_vector_numbers(setup.weights, setup.program);
  load_vectors(setup.weights, setup.program, copies != 0 ? arena->take<float>(copies) : std::span<float>{});
  arena->seal();
  executor.emplace(ExecutorParts{.program = setup.program,
                                 .weights = setup.weights,
                                 .plan = setup.buffers,
                                 .kernels = kernels,
                                 .cache = *cache,
                                 .pool = *pool},
                   workspace);
  return {};
}

Result<Engine> Engine::open(const std::string& path, const EngineOptions& options) {
  auto parts = std::make_unique<Parts>();
  LINNET_TRY(parts->file, MappedFile::open(path));
  auto header = gguf::Reader::open(parts->file->bytes());
  auto prepared = header ? parts->prepare(std::move(*header), options) : tl::unexpected(header.error());
  if (!prepared) return tl::unexpected(with_context(path, std::move(prepared).error()));
  LINNET_CHECK(parts->reserve());
  return Engine(std::move(parts));
}

Result<Engine> Engine::open(std::span<const std::byte> model, const EngineOptions& options) {
  LINNET_TRY(gguf::Reader header, gguf::Reader::open(model));
  return open(std::move(header), options);
}

Result<Engine> Engine::open(gguf::Reader model, const EngineOptions& options) {
  auto parts = std::make_unique<Parts>();
  LINNET_CHECK(parts->prepare(std::move(model), options));
  LINNET_CHECK(parts->reserve());
  return Engine(std::move(parts));
}

Result<MemoryPlan> Engine::plan(const gguf::Reader& model, const EngineOptions& options) {
  LINNET_TRY(const auto tensors, pack::PackedView::open(model));
  LINNET_TRY(Setup setup, set_up(model, tensors, options, WeightsFor::kPlanning));
  return std::move(setup.plan);
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Engine::Engine(Engine&& other) noexcept = default;
Engine& Engine::operator=(Engine&& other) noexcept = default;
Engine::~Engine() = default;

const gguf::Reader& Engine::model() const { return *parts_->reader; }
const models::Program& Engine::program() const { return parts_->setup.program; }
const MemoryPlan& Engine::plan() const { return parts_->setup.plan; }
const EngineOptions& Engine::options() const { return parts_->setup.options; }
std::span<const ChosenKernel> Engine::kernels() const { return parts_->kernels.chosen; }
std::span<Candidate> Engine::sampler_scratch() { return parts_->candidates; }
std::span<BatchRow> Engine::batch_scratch() { return parts_->rows; }

EngineMetrics Engine::metrics() const {
  EngineMetrics metrics = parts_->metrics;
  metrics.pages = parts_->cache->shape().pages;
  metrics.pages_in_use = metrics.pages - parts_->cache->free_pages();
  return metrics;
}

Result<SequenceId> Engine::begin_sequence() { return parts_->cache->begin(); }
void Engine::end_sequence(SequenceId sequence) { parts_->cache->end(sequence); }
std::size_t Engine::length(SequenceId sequence) const { return parts_->cache->length(sequence); }
void Engine::truncate(SequenceId sequence, std::size_t length) { parts_->cache->truncate(sequence, length); }
Result<void> Engine::copy(SequenceId from, SequenceId to) { return parts_->cache->copy(from, to); }

// Checks every row and makes the cache hold them, or changes nothing.
Result<void> Engine::Parts::admit(Batch batch) {
  const EngineOptions& options = setup.options;
  if (batch.empty() || batch.size() > options.max_batch_rows) {
    return fail(ErrorKind::kUsage, "a step takes 1 to " + std::to_string(options.max_batch_rows) + " rows");
  }
  std::size_t outputs = 0;
  for (const BatchRow& row : batch) {
    if (row.token < 0 || static_cast<std::size_t>(row.token) >= setup.program.vocabulary) {
      return fail(ErrorKind::kUsage, "token id " + std::to_string(row.token) + " is outside the vocabulary of " +
                                         std::to_string(setup.program.vocabulary));
    }
    LINNET_CHECK(cache->claim(row.sequence, row.position));
    if (setup.program.pooling && cache->length(row.sequence) != 0) {
      return fail(ErrorKind::kUsage, "an encoder reads a text in one step: its sequence holds one already");
    }
    outputs += row.wants_logits ? 1 : 0;
  }
  if (outputs > options.max_outputs) {
    return fail(ErrorKind::kUsage, "a step gives at most " + std::to_string(options.max_outputs) + " rows of logits");
  }
  return cache->commit();
}

Result<ConstTensorView> Engine::step(Batch batch) {
  const auto before = Clock::now();
  if (auto admitted = parts_->admit(batch); !admitted) {
    parts_->cache->drop_claims();
    return tl::unexpected(std::move(admitted).error());
  }
  const ConstTensorView logits = parts_->executor->run(batch, parts_->costs);
  EngineMetrics& metrics = parts_->metrics;
  ++metrics.steps;
  metrics.rows += batch.size();
  metrics.outputs += logits.rows();
  metrics.milliseconds += milliseconds_between(before, Clock::now());
  return logits;
}

void Engine::observe(MatMulObserver* observer) { parts_->executor->set_observer(observer); }

void Engine::profile(std::span<StepCost> costs) {
  assert(costs.empty() || costs.size() == parts_->setup.program.steps.size());
  parts_->costs = costs;
}

}  // namespace linnet::engine
