// The public door of the library: opens a model inside a memory plan, keeps sequences, computes steps.
//
//   LINNET_TRY(auto engine, Engine::open("model.gguf", options));
//   LINNET_TRY(auto generator, Generator::start(engine, prompt_ids, generation));   // generator.h
//   while (true) { LINNET_TRY(auto token, generator.next()); if (!token) break; … }
//
// From open() returning on, nothing here allocates or maps memory. One thread at a time may use an engine; it shares
// the work with its own pool, or gives it to a GPU. Results of the processor are the same bits for every number of
// threads, batch, chunking and kernel variant; a GPU's are close to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/variant.h"
#include "models/gguf/reader.h"
#include "models/program.h"
#include "runtime/base/cpu_features.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/result.h"
#include "runtime/base/tensor_view.h"
#include "runtime/base/units.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/kernel_set.h"
#include "runtime/engine/kv_cache.h"
#include "runtime/engine/memory_options.h"
#include "runtime/engine/memory_plan.h"
#include "runtime/engine/sampler.h"
#include "runtime/engine/step_cost.h"

namespace linnet::engine {

class MatMulObserver;

// Where 0 or nothing is the default, open() fills in what Engine::options() then tells.
struct EngineOptions {
  // Positions that a sequence may hold. 0: the model's, at most kDefaultContext. A model's own limit cannot be passed.
  std::size_t context = 0;
  std::size_t max_sequences = 1;
  // Contexts that the KV cache has pages for; sequences beyond it share them. 0: max_sequences. A window's ring and a
  // recurrent state have room for every sequence.
  std::size_t full_sequences = 0;
  // Rows of one step: the size of a prefill chunk. Activations grow with it; past about 100 rows the processor's speed
  // does not. 0: kDefaultBatchRows, on a GPU 512.
  std::size_t max_batch_rows = 0;
  std::size_t max_outputs = 0;  // Rows of logits of one step. 0: max_sequences.
  std::size_t threads = 0;      // 0: the cores that this process may use.
  // Of keys and values; a latent cache and a GPU have f16 alone (kUnsupported).
  kernels::CacheFormat cache_format = kernels::CacheFormat::kF16;
  std::optional<Bytes> memory_budget = {};
  CpuFeatures cpu = {};                 // From hal; all false runs the scalar kernels.
  kernels::ForcedVariants forced = {};  // From LINNET_KERNEL. Its text must outlive open().
  // What the caller holds beside the engine (tokenizer, template), as a row of the plan.
  Bytes text_memory{0};
  // Where the model's bytes are anonymous memory (a plain file packed into memory), so that the plan says so.
  bool weights_in_memory = false;
  DeviceChoice device = DeviceChoice::kCpu;
  CudaOptions cuda = {};
  // The mappings that hold the model's bytes, so that what does not stay in memory can be dropped; open(path) knows its
  // own.
  std::vector<MappedPages> files = {};
  // What the machine has for this process, where a person's budget may say more: of weights that do not fit in it, only
  // so many stay in memory (weight_residency.h).
  std::optional<Bytes> available_memory = {};
  MemoryOptions memory = {};
  LoadWatcher* watcher = nullptr;  // Told during open() alone, which borrows it.

  static constexpr std::size_t kDefaultContext = 4096;  // A conversation, at 12 KiB (0.5B) to 128 KiB (8B) a position.
  static constexpr std::size_t kDefaultBatchRows = 128;
};

// Counted since open().
struct EngineMetrics {
  std::uint64_t steps = 0;
  std::uint64_t rows = 0;
  std::uint64_t outputs = 0;
  std::uint64_t prefix_hits = 0;       // Sequences that did not begin empty …
  std::uint64_t prefix_positions = 0;  // … and what they did not have to compute.
  double milliseconds = 0;             // In step().
  std::size_t pages_in_use = 0;
  std::size_t pages = 0;
  Bytes streamed_weights;  // Now: read again for each token.
};

// Owns the mapping, the arena and the threads. Movable.
class Engine {
 public:
  // Maps the file, checks it against its program, plans, and reserves. Quantised matrices must lie in panels
  // (`linnet pack`); F32, F16 and BF16 files are read as they are. Errors: those of MappedFile and gguf::Reader;
  // kMalformed (a tensor or key missing or of the wrong shape), kUnsupported (architecture, tensor type, not packed),
  // kExhausted (does not fit the budget, with numbers), kUsage (an option that makes no sense, a variant that is none);
  // with DeviceChoice::kCuda those of cuda::open_device and cuda::Runner, which with kAuto lead to the processor.
  [[nodiscard]] static Result<Engine> open(const std::string& path, const EngineOptions& options);

  // The same from bytes that must outlive the engine, 64-byte aligned.
  [[nodiscard]] static Result<Engine> open(std::span<const std::byte> model, const EngineOptions& options);

  // The same from a header that was read already, which may be that of several files (Reader::join): the bytes that it
  // borrows must outlive the engine, each file's start 64-byte aligned.
  [[nodiscard]] static Result<Engine> open(gguf::Reader model, const EngineOptions& options);

  // The plan that open() would follow, without reserving anything; `memory_budget` is not held against it.
  [[nodiscard]] static Result<MemoryPlan> plan(const gguf::Reader& model, const EngineOptions& options);

  Engine(Engine&& other) noexcept;
  Engine& operator=(Engine&& other) noexcept;
  ~Engine();

  [[nodiscard]] const gguf::Reader& model() const;
  [[nodiscard]] const models::Program& program() const;
  [[nodiscard]] const MemoryPlan& plan() const;
  [[nodiscard]] const EngineOptions& options() const;
  [[nodiscard]] std::span<const ChosenKernel> kernels() const;  // Of the processor.
  [[nodiscard]] const DeviceReport& device() const { return plan().device; }
  // What did not become of EngineOptions::memory, and of weights that do not fit: lines for people.
  [[nodiscard]] std::span<const std::string> notes() const;
  // Whether a GPU was lost and nothing took over: every step fails until the model is opened again.
  [[nodiscard]] bool is_lost() const;
  [[nodiscard]] EngineMetrics metrics() const;

  // An empty sequence. Errors: kBusy when max_sequences are open.
  [[nodiscard]] Result<SequenceId> begin_sequence();
  // A sequence for `prompt` that may hold its first tokens already, where another sequence, open or kept, computed
  // them: length() tells, and it is less than the prompt's. On a GPU it is empty: its bits depend on the steps. A
  // recurrent state is had only where the other sequence ended; a window only while it still holds what is seen.
  [[nodiscard]] Result<SequenceId> begin_sequence(std::span<const TokenId> prompt);
  // Gives its pages back. An id that names no open sequence is a caller's fault: it asserts.
  void end_sequence(SequenceId sequence);
  // Ends it as well, for begin_sequence(prompt) to go on from: what it holds goes once its place or its pages are
  // needed. Until then its pages count as free.
  void keep_sequence(SequenceId sequence);
  // Positions it holds.
  [[nodiscard]] std::size_t length(SequenceId sequence) const;
  // Forgets the positions from `length` on, which must be at most what it holds; all of them where the model has a
  // window and what it needs before `length` is overwritten, or a recurrent state, which does not go back: ask
  // length().
  void truncate(SequenceId sequence, std::size_t length);
  // Makes `to`, another open sequence, hold what `from` holds: a prefix is computed once for several answers. Errors:
  // kExhausted (no pages for it), with `to` empty; kUnsupported (on a GPU).
  [[nodiscard]] Result<void> copy(SequenceId from, SequenceId to);

  // What can be done where memory runs short, between steps: no open sequence loses anything, answers are the same
  // bits, nothing is allocated. On a GPU they do nothing.
  //
  // Forgets kept sequences and gives the memory of pages that no open one holds back. Returns how much that was.
  Bytes give_back_idle();
  // Of the memory that there is, weights may take `room`: those that do not fit are read again for each token. Returns
  // how much that is.
  Bytes hold_weights(Bytes room);
  // No step has been computed for a while: the kernel may take the weights before what others use.
  void cool_weights();

  // Computes the rows and extends their sequences. Returns [rows that want logits, vocabulary] in the order of the
  // batch, valid until the next step. Errors, before anything is changed: kUsage (no rows or too many, an id outside
  // the vocabulary, no such sequence, a position that does not continue it), kExhausted (context or pages are full). A
  // GPU may fail in the middle of a step (kDeviceLost): all open sequences are lost with it and say so until they end.
  // With DeviceChoice::kAuto the processor computes what comes then; with kCuda every later step fails.
  [[nodiscard]] Result<ConstTensorView> step(Batch batch);

  // From now on step() adds to `costs`, one entry a step of the program; empty: stop. Costs two clock reads a step.
  void profile(std::span<StepCost> costs);

  // From now on step() shows `observer` the input of every MatMul (executor.h); null: stop. Borrowed. Of an engine on
  // the processor alone.
  void observe(MatMulObserver* observer);

  // What Generator uses: the chosen kernels, and scratch that is planned with the rest, [vocabulary] for each thread
  // that may sample, and [max_batch_rows].
  [[nodiscard]] const kernels::Softmax& softmax() const;
  [[nodiscard]] std::span<Candidate> sampler_scratch(std::size_t worker = 0);
  [[nodiscard]] std::span<BatchRow> batch_scratch();

  // Calls work(index, worker) once for each index below `count`, which is at most max_outputs, on the pool's threads
  // (on a GPU on the caller's), and returns when all have returned. sampler_scratch(worker) is `work`'s alone. `work`
  // must not throw, nor use this engine otherwise.
  void share(std::size_t count, FunctionRef<void(std::size_t index, std::size_t worker)> work);

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace linnet::engine
