#include "runtime/engine/setup.h"

#include <algorithm>
#include <limits>
#include <string>

#include "models/registry.h"
#include "runtime/engine/thread_pool.h"

namespace linnet::engine {
namespace {

constexpr std::size_t kMaxSequences = 256;
constexpr std::size_t kMaxBatchRows = 8192;

// Anonymous memory of a process that runs a model, beside what the engine plans: C and C++ libraries' data, relocated
// tables, the heap of the command line, the main stack. Measured: `tests/engine/memory_truth_test.cc`.
constexpr Bytes kProcess{768 * kKiB.count};
constexpr Bytes kThread{32 * kKiB.count};  // Touched stack and bookkeeping of one pool thread.

Result<void> check_range(std::string_view what, std::size_t value, std::size_t most) {
  if (value >= 1 && value <= most) return {};
  return fail(ErrorKind::kUsage, std::string(what) + " must be 1 to " + std::to_string(most));
}

// One row of it holds numbers of two kinds, which one scale does not serve.
bool has_latent_cache(const models::Program& program) {
  return std::ranges::any_of(program.states, [](const models::State& state) {
    const auto* const cache = std::get_if<models::KvCache>(&state);
    return cache != nullptr && cache->values_in_keys;
  });
}

Result<EngineOptions> resolve(EngineOptions options, const models::Program& program, std::size_t default_batch_rows) {
  if (options.context == 0) options.context = std::min(program.context_length, EngineOptions::kDefaultContext);
  if (program.pooling && options.max_batch_rows == 0) {
    // An encoder reads a text in one step and gives as many rows as it reads.
    options.max_batch_rows = options.max_outputs = std::min(options.context, kMaxBatchRows);
  }
  if (options.max_batch_rows == 0) options.max_batch_rows = default_batch_rows;
  if (options.full_sequences == 0) options.full_sequences = options.max_sequences;
  if (options.max_outputs == 0) options.max_outputs = std::min(options.max_sequences, options.max_batch_rows);
  if (options.threads == 0) options.threads = std::min(usable_cores(), ThreadPool::kMaxThreads);
  if (options.context > program.context_length) {
    return fail(ErrorKind::kUsage, "a context of " + std::to_string(options.context) +
                                       " is more than the model was made for (" +
                                       std::to_string(program.context_length) + ")");
  }
  LINNET_CHECK(check_range("the number of sequences", options.max_sequences, kMaxSequences));
  LINNET_CHECK(check_range("the contexts of the KV cache", options.full_sequences, options.max_sequences));
  LINNET_CHECK(check_range("the rows of a batch", options.max_batch_rows, kMaxBatchRows));
  LINNET_CHECK(check_range("the rows of logits", options.max_outputs, options.max_batch_rows));
  LINNET_CHECK(check_range("threads", options.threads, ThreadPool::kMaxThreads));
  if (options.cache_format != kernels::CacheFormat::kF16 && has_latent_cache(program)) {
    return fail(ErrorKind::kUnsupported, "a latent KV cache (deepseek2) is kept in f16 alone");
  }
  return options;
}

// A rough sum in floating point, so that the exact ones behind it cannot wrap.
Result<void> check_addressable(const models::Program& program, const EngineOptions& options) {
  double largest = 0;  // Numbers of a buffer.
  for (const models::Buffer& buffer : program.buffers) {
    const std::size_t rows = buffer.rows == models::RowsOf::kTokens ? options.max_batch_rows : options.max_outputs;
    largest = std::max(largest, static_cast<double>(buffer.width) * static_cast<double>(rows));
  }
  double cache = 0;
  double recurrent = 0;
  for (const models::State& state : program.states) {
    if (const auto* kv = std::get_if<models::KvCache>(&state)) {
      cache += static_cast<double>(kv->kv_heads) * static_cast<double>(kv->kept_width()) * 2;
    } else {
      recurrent += static_cast<double>(std::get<models::Recurrent>(state).numbers) * 4;
    }
  }
  const auto positions = static_cast<double>(options.context + kPagePositions);
  // Buffers overlay each other: sixteen as large as the largest are more than live at once, with what products need.
  const double bytes = (cache * positions + recurrent) * static_cast<double>(options.max_sequences) + largest * 64;
  if (bytes < static_cast<double>(std::numeric_limits<std::size_t>::max()) / 4) return {};
  return fail(ErrorKind::kExhausted, "the model's cache and activations are beyond what this machine can address");
}

// What `take` would take from an arena.
template <class Take>
Bytes measured(Take take) {
  Measure measure;
  take(measure);
  return {measure.bytes()};
}

template <class Kind>
std::string layers_with(const models::Program& program) {
  const auto count = std::count_if(program.states.begin(), program.states.end(),
                                   [](const models::State& state) { return std::holds_alternative<Kind>(state); });
  return std::to_string(count);
}

std::string recurrent_detail(const models::Program& program, const EngineOptions& options) {
  std::string text = layers_with<models::Recurrent>(program) + " states";
  if (options.max_sequences > 1) text += " x " + std::to_string(options.max_sequences) + " sequences";
  return text + ", f32, whatever the context";
}

Bytes scratch_of_threads(const WorkspaceShape& shape) {
  Bytes sum = measured([&](auto& m) { return m.template take<ThreadScratch>(shape.threads); });
  for (std::size_t i = 0; i < shape.threads; ++i) {
    sum += measured([&](auto& m) { (void)take_thread(m, shape); });
  }
  return sum;
}

// The rows that the engine's arena holds.
std::vector<MemoryRow> arena_rows(const Setup& setup) {
  const EngineOptions& options = setup.options;
  const models::Program& program = setup.program;
  const WorkspaceShape& shape = setup.workspace;
  const auto row = [](std::string_view name, Bytes size, std::string detail) {
    return MemoryRow{name, MemoryKind::kAnonymous, size, std::move(detail)};
  };
  const auto rows_text = std::to_string(options.max_batch_rows) + " rows";
  const std::size_t logits = setup.buffers.buffers[static_cast<std::size_t>(program.logits)].size();
  const Bytes all_buffers = measured([&](auto& m) { (void)m.template take<float>(shape.buffer_numbers); });
  const Bytes rotations = measured([&](auto& m) { (void)take_rotations(m, shape); });
  const Bytes blocks = measured([&](auto& m) { (void)m.template take<RowBlock>(shape.rows); });
  const Bytes logit_bytes{logits * sizeof(float)};
  std::vector<MemoryRow> rows;
  const Bytes recurrent = measured([&](auto& m) { (void)KvCache::take_recurrent(m, program, setup.cache); });
  const Bytes states = measured([&](auto& m) {
    (void)KvCache(m, program, setup.cache);
    (void)m.template take<std::uint16_t>(cache_numbers(program, setup.cache));
  });
  rows.push_back(row("KV cache", Bytes{states.count - recurrent.count}, cache_detail(program, options)));
  if (recurrent.count != 0) rows.push_back(row("recurrent state", recurrent, recurrent_detail(program, options)));
  rows.push_back(row("activations", Bytes{all_buffers.count - logit_bytes.count} + rotations, rows_text));
  rows.push_back(row("quantised activations", measured([&](auto& m) { (void)take_quantised(m, shape); }), rows_text));
  if (shape.parts_a_row != 0) {
    rows.push_back(row("routing", measured([&](auto& m) { (void)take_groups(m, shape); }), rows_text));
  }
  rows.push_back(row("thread scratch", scratch_of_threads(shape), std::to_string(options.threads) + " threads"));
  if (shape.chunks_by_pages() != 0) {
    rows.push_back(row("attention by pages", measured([&](auto& m) { (void)take_page_parts(m, shape); }),
                       std::to_string(shape.attention_pages) + " pages"));
  }
  rows.push_back(row("logits", logit_bytes, std::to_string(options.max_outputs) + " rows"));
  rows.push_back(row("sampler", sampler_bytes(setup) + blocks, {}));
  const std::size_t transposed = transposed_bytes(setup.weights, program);
  if (transposed != 0) {
    rows.push_back(row("transposed weights", measured([&](auto& m) { (void)m.template take<std::byte>(transposed); }),
                       "of tensors attn_kv_b"));
  }
  const std::size_t copies = copied_vector_numbers(setup.weights, program);
  if (copies != 0) {
    rows.push_back(row("converted vectors", measured([&](auto& m) { (void)m.template take<float>(copies); }), {}));
  }
  return rows;
}

}  // namespace

std::string cache_detail(const models::Program& program, const EngineOptions& options) {
  std::string text =
      layers_with<models::KvCache>(program) + " layers, " + std::to_string(options.context) + " positions";
  if (options.full_sequences > 1) text += " x " + std::to_string(options.full_sequences) + " sequences";
  return text + (options.cache_format == kernels::CacheFormat::kQ8 ? ", q8" : ", f16");
}

std::size_t sampler_places(const Setup& setup) { return std::min(setup.options.threads, setup.options.max_outputs); }

Bytes sampler_bytes(const Setup& setup) {
  return measured([&](auto& m) {
    (void)m.template take<Candidate>(sampler_places(setup) * setup.program.vocabulary);
    (void)m.template take<BatchRow>(setup.options.max_batch_rows);
  });
}

std::string touched_detail(const Setup& setup) {
  const Bytes touched = touched_bytes(setup.weights, setup.program);
  const Bytes a_token = bytes_a_token(setup.weights, setup.program);
  if (a_token == touched) return to_string(a_token) + " read by every token";
  return to_string(touched) + " in use, " + to_string(a_token) + " a token";
}

MemoryPlan plan_of(const Setup& setup, MemoryRow weights, std::vector<MemoryRow> arena) {
  const EngineOptions& options = setup.options;
  MemoryPlan plan{.rows = {},
                  .touched_weights = touched_bytes(setup.weights, setup.program),
                  .page = {page_numbers(setup.program, setup.cache.format) * sizeof(std::uint16_t)},
                  .context = options.context,
                  .max_sequences = options.max_sequences,
                  .full_sequences = options.full_sequences,
                  .max_batch_rows = options.max_batch_rows,
                  .max_outputs = options.max_outputs,
                  .threads = options.threads};
  if (weights.kind != MemoryKind::kMapped) plan.touched_weights = {};  // Counted already, or not this machine's.
  plan.rows.push_back(std::move(weights));
  std::move(arena.begin(), arena.end(), std::back_inserter(plan.rows));
  if (options.text_memory.count != 0) plan.rows.push_back({"text", MemoryKind::kAnonymous, options.text_memory, {}});
  plan.rows.push_back({"process", MemoryKind::kAnonymous, kProcess + Bytes{kThread.count * options.threads}, {}});
  return plan;
}

Result<Setup> read_setup(const gguf::Reader& header, const pack::PackedView& tensors, const EngineOptions& options,
                         WeightsFor purpose) {
  Setup setup;
  LINNET_TRY(setup.program, models::read_program({header, tensors}));
  LINNET_TRY(setup.weights, find_weights(tensors, setup.program, purpose));
  setup.options = options;
  setup.file = {header.file_bytes()};
  return setup;
}

Result<void> resolve_options(Setup& setup, std::size_t default_batch_rows) {
  LINNET_TRY(setup.options, resolve(setup.options, setup.program, default_batch_rows));
  LINNET_CHECK(check_addressable(setup.program, setup.options));
  const EngineOptions& resolved = setup.options;
  setup.buffers = plan_buffers(setup.program, resolved.max_batch_rows, resolved.max_outputs);
  setup.cache = CacheShape::for_all(resolved.max_sequences, resolved.context, resolved.max_batch_rows);
  setup.cache.format = resolved.cache_format;
  setup.cache.pages = resolved.full_sequences * setup.cache.pages_a_sequence;
  return {};
}

Result<void> plan_for_cpu(Setup& setup) {
  LINNET_CHECK(resolve_options(setup, EngineOptions::kDefaultBatchRows));
  const EngineOptions& resolved = setup.options;
  setup.workspace = WorkspaceShape::of(setup.program, setup.weights, setup.buffers,
                                       {resolved.max_batch_rows, resolved.threads, resolved.context});
  auto arena = arena_rows(setup);
  Bytes taken;
  for (const MemoryRow& row : arena) taken += row.size;
  setup.arena_bytes = static_cast<std::size_t>(taken.count);
  const std::string detail = touched_detail(setup);
  const MemoryRow weights = resolved.weights_in_memory
                                ? MemoryRow{"weights, in memory", MemoryKind::kAnonymous, setup.file, detail}
                                : MemoryRow{"weights", MemoryKind::kMapped, setup.file, detail};
  setup.plan = plan_of(setup, weights, std::move(arena));
  return {};
}

}  // namespace linnet::engine
