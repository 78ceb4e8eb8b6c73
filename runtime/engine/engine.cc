#include "runtime/engine/engine.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "models/pack/packed_view.h"
#include "runtime/base/arena.h"
#include "runtime/base/clock.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/pages.h"
#include "runtime/engine/cpu_runner.h"
#include "runtime/engine/cuda/open_device.h"
#include "runtime/engine/cuda/plan.h"
#include "runtime/engine/memory_wishes.h"
#include "runtime/engine/setup.h"

namespace linnet::engine {

// In the order of construction; later parts refer to earlier ones, so nothing moves once it is here.
struct Engine::Parts {
  std::optional<MappedFile> file;  // None where the caller holds the bytes.
  std::optional<gguf::Reader> reader;
  Setup setup;
  KernelSet kernels;
  std::optional<Arena> arena;
  std::optional<KvCache> cache;
  std::span<Candidate> candidates;
  std::span<BatchRow> rows;
  std::optional<Arena> spare_arena;  // Of a processor that took over.
  std::unique_ptr<CpuRunner> cpu;
  std::unique_ptr<cuda::Runner> gpu;
  StepRunner* runner = nullptr;  // One of the two; null after a device was lost for good.
  std::string lost;              // Why it is null.
  std::span<StepCost> costs;
  EngineMetrics metrics;
  std::vector<std::string> notes;

  [[nodiscard]] Result<void> read(gguf::Reader model, const EngineOptions& options);
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> start_gpu();
  [[nodiscard]] Result<void> start_cpu();
  [[nodiscard]] Result<void> check_budget() const;
  [[nodiscard]] Result<void> reserve();
  [[nodiscard]] Result<void> hold_in_memory();
  [[nodiscard]] Result<void> admit(Batch batch);
  void lose_device(Error& error);
  [[nodiscard]] Result<void> replace_gpu();
};

// All that does not depend on what computes.
Result<void> Engine::Parts::read(gguf::Reader model, const EngineOptions& options) {
  reader.emplace(std::move(model));
  LINNET_TRY(const auto tensors, pack::PackedView::open(*reader));
  LINNET_TRY(setup, read_setup(*reader, tensors, options, WeightsFor::kRunning));
  LINNET_TRY(kernels, KernelSet::choose(options.cpu, options.forced));
  return {};
}

// On what was asked for; where that is left to us, what cannot be done on a GPU is done by the processor.
Result<void> Engine::Parts::start() {
  const EngineOptions asked = setup.options;
  std::string reason = "asked for";
  if (asked.device != DeviceChoice::kCpu) {
    auto started = start_gpu();
    if (started || asked.device == DeviceChoice::kCuda || started.error().kind == ErrorKind::kInterrupted) {
      return started;
    }
    reason = std::move(started).error().message;
    setup.options = asked;
  }
  LINNET_CHECK(start_cpu());
  setup.plan.device = {.is_gpu = false, .reason = std::move(reason)};
  return {};
}

Result<void> Engine::Parts::start_gpu() {
  LINNET_TRY(auto ready, cuda::open_device(setup));
  LINNET_CHECK(cuda::plan_for_gpu(setup, ready.device->facts()));
  setup.plan.device = cuda::report_of(ready);
  LINNET_CHECK(cuda::check_device_memory(setup.plan, ready.device->facts()));
  LINNET_CHECK(check_budget());
  LINNET_CHECK(reserve());
  LINNET_TRY(gpu, cuda::Runner::create(std::move(ready), setup, *cache, setup.options.watcher));
  arena->seal();
  runner = gpu.get();
  return {};
}

Result<void> Engine::Parts::start_cpu() {
  LINNET_CHECK(plan_for_cpu(setup));
  LINNET_CHECK(check_budget());
  LINNET_CHECK(reserve());
  LINNET_TRY(cpu, CpuRunner::create(*arena, setup, kernels, *cache));
  arena->seal();
  runner = cpu.get();
  return hold_in_memory();
}

// Weights that do not fit beside the rest of the plan are not held; of those that are, what was asked for.
Result<void> Engine::Parts::hold_in_memory() {
  const auto& available = setup.options.available_memory;
  if (available && setup.plan.budgeted() > *available) {
    const Bytes own = setup.plan.total(MemoryKind::kAnonymous);
    const Bytes streamed = cpu->residency().hold({available->count - std::min(available->count, own.count)});
    if (streamed.count != 0) {
      notes.push_back(to_string(*available) + " of memory are too little for all weights: " + to_string(streamed) +
                      " of them are read again for each token");
    }
  }
  return grant(setup.options.memory, arena->bytes(), cpu->residency().held(), setup.options.watcher, notes);
}

Result<void> Engine::Parts::check_budget() const {
  const auto& budget = setup.options.memory_budget;
  return budget ? engine::check_budget(setup.plan, *budget) : Result<void>();
}

// What every runner needs.
Result<void> Engine::Parts::reserve() {
  LINNET_TRY(arena, Arena::create({setup.arena_bytes}));
  // Before anything is touched.
  if (setup.options.memory.huge_pages) note_refusal(use_huge_pages(arena->bytes()), notes);
  cache.emplace(*arena, setup.program, setup.cache);
  cache->reset(setup.program);
  candidates = arena->take<Candidate>(sampler_places(setup) * setup.program.vocabulary);
  rows = arena->take<BatchRow>(setup.options.max_batch_rows);
  return {};
}

Result<Engine> Engine::open(const std::string& path, const EngineOptions& options) {
  auto parts = std::make_unique<Parts>();
  LINNET_TRY(parts->file, MappedFile::open(path));
  auto header = gguf::Reader::open(parts->file->bytes());
  auto ready = header ? parts->read(std::move(*header), options) : tl::unexpected(header.error());
  if (ready) {
    parts->setup.options.files = {parts->file->pages()};
    ready = parts->start();
  }
  if (!ready) return tl::unexpected(with_context(path, std::move(ready).error()));
  return Engine(std::move(parts));
}

Result<Engine> Engine::open(std::span<const std::byte> model, const EngineOptions& options) {
  LINNET_TRY(gguf::Reader header, gguf::Reader::open(model));
  return open(std::move(header), options);
}

Result<Engine> Engine::open(gguf::Reader model, const EngineOptions& options) {
  auto parts = std::make_unique<Parts>();
  LINNET_CHECK(parts->read(std::move(model), options));
  LINNET_CHECK(parts->start());
  return Engine(std::move(parts));
}

namespace {

// The plan for a GPU, if there is one that has room. Errors: as of opening.
Result<void> plan_on_gpu(Setup& setup) {
  LINNET_TRY(const auto ready, cuda::open_device(setup));
  LINNET_CHECK(cuda::plan_for_gpu(setup, ready.device->facts()));
  setup.plan.device = cuda::report_of(ready);
  return cuda::check_device_memory(setup.plan, ready.device->facts());
}

}  // namespace

Result<MemoryPlan> Engine::plan(const gguf::Reader& model, const EngineOptions& options) {
  LINNET_TRY(const auto tensors, pack::PackedView::open(model));
  LINNET_TRY(Setup setup, read_setup(model, tensors, options, WeightsFor::kPlanning));
  std::string reason = "asked for";
  if (options.device != DeviceChoice::kCpu) {
    auto planned = plan_on_gpu(setup);
    if (planned) return std::move(setup.plan);
    if (options.device == DeviceChoice::kCuda) return tl::unexpected(std::move(planned).error());
    reason = std::move(planned).error().message;
    setup.options = options;
  }
  LINNET_CHECK(plan_for_cpu(setup));
  setup.plan.device = {.is_gpu = false, .reason = std::move(reason)};
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
std::span<const std::string> Engine::notes() const { return parts_->notes; }
bool Engine::is_lost() const { return parts_->runner == nullptr; }
const kernels::Softmax& Engine::softmax() const { return *parts_->kernels.softmax; }
std::span<Candidate> Engine::sampler_scratch(std::size_t worker) {
  const std::size_t vocabulary = program().vocabulary;
  return parts_->candidates.subspan(worker * vocabulary, vocabulary);
}
std::span<BatchRow> Engine::batch_scratch() { return parts_->rows; }

void Engine::share(std::size_t count, FunctionRef<void(std::size_t, std::size_t)> work) {
  assert(count <= options().max_outputs);
  if (parts_->runner != nullptr) return parts_->runner->share(count, work);
  for (std::size_t index = 0; index < count; ++index) work(index, 0);
}

EngineMetrics Engine::metrics() const {
  EngineMetrics metrics = parts_->metrics;
  metrics.pages = parts_->cache->shape().pages;
  metrics.pages_in_use = metrics.pages - parts_->cache->free_pages();
  if (parts_->cpu) metrics.streamed_weights = parts_->cpu->residency().streamed();
  return metrics;
}

Result<SequenceId> Engine::begin_sequence() { return parts_->cache->begin(); }
void Engine::end_sequence(SequenceId sequence) { parts_->cache->end(sequence); }

Result<SequenceId> Engine::begin_sequence(std::span<const TokenId> prompt) {
  if (parts_->runner != parts_->cpu.get()) return begin_sequence();
  LINNET_TRY(const SequenceId sequence, parts_->cache->begin(prompt));
  const std::size_t held = length(sequence);
  parts_->metrics.prefix_hits += held != 0 ? 1 : 0;
  parts_->metrics.prefix_positions += held;
  return sequence;
}

void Engine::keep_sequence(SequenceId sequence) {
  if (parts_->runner != parts_->cpu.get()) return end_sequence(sequence);
  parts_->cache->keep(sequence);
}

std::size_t Engine::length(SequenceId sequence) const { return parts_->cache->length(sequence); }
void Engine::truncate(SequenceId sequence, std::size_t length) { parts_->cache->truncate(sequence, length); }
Result<void> Engine::copy(SequenceId from, SequenceId to) {
  if (parts_->runner != parts_->cpu.get()) {
    return fail(ErrorKind::kUnsupported, "sequences on a GPU cannot be copied yet");
  }
  return parts_->cache->copy(from, to);
}

Bytes Engine::give_back_idle() { return {parts_->cache->give_back_idle()}; }

Bytes Engine::hold_weights(Bytes room) {
  return parts_->runner == parts_->cpu.get() && parts_->cpu ? parts_->cpu->residency().hold(room) : Bytes{};
}

void Engine::cool_weights() {
  if (parts_->runner == parts_->cpu.get() && parts_->cpu) parts_->cpu->residency().cool();
}

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
    LINNET_CHECK(cache->claim(row.sequence, row.position, row.token));
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
  if (parts_->runner == nullptr) return fail(ErrorKind::kDeviceLost, parts_->lost);
  if (auto admitted = parts_->admit(batch); !admitted) {
    parts_->cache->drop_claims();
    return tl::unexpected(std::move(admitted).error());
  }
  auto logits = parts_->runner->run(batch, parts_->costs);
  if (!logits) {
    parts_->lose_device(logits.error());
    return logits;
  }
  EngineMetrics& metrics = parts_->metrics;
  ++metrics.steps;
  metrics.rows += batch.size();
  metrics.outputs += logits->rows();
  metrics.milliseconds += milliseconds_between(before, Clock::now());
  return logits;
}

// What was in flight is gone with the device; what comes goes to the processor, if that was left to us. The error
// tells.
void Engine::Parts::lose_device(Error& error) {
  cache->lose_all();
  runner = nullptr;
  gpu.reset();
  if (setup.options.device == DeviceChoice::kAuto) {
    const auto replaced = replace_gpu();
    error.message += replaced ? "; the processor computes from now on"
                              : "; the processor cannot take over: " + replaced.error().message;
  }
  lost = error.message;
  if (runner != nullptr) setup.plan.device = {.is_gpu = false, .reason = "the GPU was lost: " + error.message};
}

Result<void> Engine::Parts::replace_gpu() {
  LINNET_CHECK(plan_for_cpu(setup));
  LINNET_CHECK(check_budget());
  LINNET_TRY(spare_arena, Arena::create({setup.arena_bytes}));
  LINNET_TRY(cpu, CpuRunner::create(*spare_arena, setup, kernels, *cache));
  runner = cpu.get();
  return {};
}

void Engine::observe(MatMulObserver* observer) {
  assert(parts_->cpu != nullptr);
  parts_->cpu->set_observer(observer);
}

void Engine::profile(std::span<StepCost> costs) {
  assert(costs.empty() || costs.size() == parts_->setup.program.steps.size());
  parts_->costs = costs;
}

}  // namespace linnet::engine
