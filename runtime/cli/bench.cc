// `linnet bench`: prefill and decode speed, start-up, memory.
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hal/energy.h"
#include "hal/linux/linux_board.h"
#include "runtime/base/clock.h"
#include "runtime/cli/bench_report.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/open_model.h"
#include "runtime/engine/random.h"
#include "runtime/limits/limits.h"

namespace linnet::cli {
namespace {

using engine::BatchRow;
using engine::SequenceId;

constexpr std::size_t kChunk = 128;  // Rows of a prefill step, the engine's own default.

// Calls of the heap so far, where a counting allocator is loaded (LD_PRELOAD), else null.
using HeapCalls = std::uint64_t (*)();

// Of tests/engine/counting_allocator.cc.
HeapCalls find_heap_counter() { return reinterpret_cast<HeapCalls>(dlsym(RTLD_DEFAULT, "linnet_allocation_count")); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Runs steps of given tokens on an engine and times them. Speed does not depend on which tokens they are, so they come
// from a generator and nothing is sampled.
class Stopwatch {
 public:
  Stopwatch(engine::Engine& engine, const Console& console)
      : engine_(engine), console_(console), vocabulary_(engine.program().vocabulary) {
    rows_.reserve(engine.options().max_batch_rows);
  }

  // Milliseconds of computing `count` tokens of one sequence in chunks, the last with logits.
  [[nodiscard]] Result<double> prefill(SequenceId sequence, std::size_t count) {
    const auto started = Clock::now();
    const std::size_t chunk = engine_.options().max_batch_rows;
    for (std::size_t done = 0; done < count; done += rows_.size()) {
      rows_.clear();
      const std::size_t start = engine_.length(sequence);
      for (std::size_t i = 0; i < std::min(chunk, count - done); ++i)
        add_row(sequence, start + i, done + i + 1 == count);
      LINNET_CHECK(step());
    }
    return milliseconds_between(started, Clock::now());
  }

  // Milliseconds of `count` tokens on each of the sequences, decoded together.
  [[nodiscard]] Result<double> decode(std::span<const SequenceId> sequences, std::size_t count) {
    const auto started = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      rows_.clear();
      for (const SequenceId sequence : sequences) add_row(sequence, engine_.length(sequence), true);
      LINNET_CHECK(step());
    }
    return milliseconds_between(started, Clock::now());
  }

 private:
  void add_row(SequenceId sequence, std::size_t position, bool wants_logits) {
    const auto token = static_cast<engine::TokenId>(random_.next() % vocabulary_);
    rows_.push_back({token, sequence, static_cast<std::uint32_t>(position), wants_logits});
  }

  [[nodiscard]] Result<void> step() {
    LINNET_CHECK(engine_.step(rows_));
    return console_.stop_requested() ? interrupted() : Result<void>();
  }

  engine::Engine& engine_;
  const Console& console_;
  std::size_t vocabulary_;
  engine::Xoshiro256 random_{1};
  std::vector<BatchRow> rows_;
};

// One repeat on fresh sequences: prefill at the depth, then decode at the depth.
struct Repeat {
  double prefill_milliseconds = 0;
  double decode_milliseconds = 0;
  std::uint64_t heap_calls = 0;  // While decoding.
  hal::Energy energy;            // While decoding.
};

// What was used between two looks at a probe.
hal::Energy difference(const hal::Energy& before, const hal::Energy& now) {
  if (!before.joules || !now.joules) return {};
  return {now.source, *now.joules - *before.joules};
}

// Where the costs of a repeat are added up; null: nowhere.
struct Ledger {
  PartCosts* prefill = nullptr;
  PartCosts* decode = nullptr;
};

void profile(engine::Engine& engine, PartCosts* part) {
  engine.profile(part != nullptr ? std::span(part->steps) : std::span<engine::StepCost>());
}

Result<Repeat> measure_once(Stopwatch& stopwatch, engine::Engine& engine, const BenchOptions& options,
                            hal::EnergyProbe& probe, const Ledger& ledger) {
  std::vector<SequenceId> sequences(options.batch);
  for (SequenceId& sequence : sequences) {
    LINNET_TRY(sequence, engine.begin_sequence());
    LINNET_CHECK(stopwatch.prefill(sequence, options.depth));
  }
  Repeat repeat;
  profile(engine, ledger.prefill);
  LINNET_TRY(repeat.prefill_milliseconds, stopwatch.prefill(sequences.front(), options.prompt));
  profile(engine, nullptr);
  engine.truncate(sequences.front(), options.depth);
  if (engine.length(sequences.front()) != options.depth) {  // A window that does not go back.
    LINNET_CHECK(stopwatch.prefill(sequences.front(), options.depth));
  }
  const hal::Energy energy = probe.so_far();
  const HeapCalls heap_calls = find_heap_counter();
  const std::uint64_t before = heap_calls != nullptr ? heap_calls() : 0;
  profile(engine, ledger.decode);
  LINNET_TRY(repeat.decode_milliseconds, stopwatch.decode(sequences, options.generate));
  profile(engine, nullptr);
  repeat.heap_calls = heap_calls != nullptr ? heap_calls() - before : 0;
  repeat.energy = difference(energy, probe.so_far());
  for (const SequenceId sequence : sequences) engine.end_sequence(sequence);
  return repeat;
}

// The mean of the repeats; absent where one of them was not measured.
hal::Energy of_a_token(const std::vector<hal::Energy>& repeats, double tokens) {
  hal::Energy mean{repeats.front().source, 0.0};
  for (const hal::Energy& repeat : repeats) {
    if (!repeat.joules) return {};
    mean.source = std::min(mean.source, repeat.source);
    *mean.joules += *repeat.joules / (tokens * static_cast<double>(repeats.size()));
  }
  return mean;
}

// What stays of a measurement's repeats until their medians are taken.
struct Series {
  std::vector<double> prefill;  // Tokens a second.
  std::vector<double> decode;
  std::vector<hal::Energy> energy;
  std::uint64_t heap_calls = 0;

  void add(const Repeat& repeat, const BenchOptions& options) {
    prefill.push_back(static_cast<double>(options.prompt) * 1e3 / repeat.prefill_milliseconds);
    decode.push_back(decoded(options) * 1e3 / repeat.decode_milliseconds);
    heap_calls += repeat.heap_calls;
    energy.push_back(repeat.energy);
  }
  [[nodiscard]] static double decoded(const BenchOptions& options) {
    return static_cast<double>(options.generate * options.batch);
  }
};

// Measures the machine's limits between the repeats, where they are wanted.
Result<std::optional<limits::Meter>> make_meter(const engine::Engine& engine, const Machine& machine,
                                                const BenchOptions& options) {
  if (!options.limits || engine.device().is_gpu) return std::nullopt;
  return limits::Meter::create({.threads = engine.options().threads,
                                .cpu = machine.cpu,
                                .forced = machine.forced,
                                .buffer = limits::buffer_within(machine.available_memory)});
}

Result<BenchMeasurement> measure(engine::Engine& engine, const Machine& machine, const BenchOptions& options,
                                 Console& console) {
  Stopwatch stopwatch(engine, console);
  hal::EnergyProbe probe(hal::make_linux_board({.root = "", .cpu = {}, .gpio = nullptr}));
  BenchMeasurement result;
  const std::vector<engine::StepCost> nothing(engine.program().steps.size());
  result.prefill.steps = result.decode.steps = nothing;
  // What is read and computed is the same in each repeat; how long each operation takes is asked for by --profile.
  const Ledger ledger{&result.prefill, &result.decode};
  const bool on_cpu = !engine.device().is_gpu;
  LINNET_TRY(const Repeat cold, measure_once(stopwatch, engine, options, probe, on_cpu ? ledger : Ledger{}));
  result.first_token_milliseconds = cold.prefill_milliseconds;
  LINNET_TRY(result.memory, measure_process_memory());
  if (options.profile) result.prefill.steps = result.decode.steps = nothing;
  result.profiled_repeats = options.profile ? options.repeats : 1;
  LINNET_TRY(auto meter, make_meter(engine, machine, options));
  Series series;
  for (std::size_t i = 0; i < options.repeats; ++i) {
    if (meter) meter->sample();
    LINNET_TRY(const Repeat repeat,
               measure_once(stopwatch, engine, options, probe, options.profile ? ledger : Ledger{}));
    series.add(repeat, options);
  }
  const double decoded = Series::decoded(options);
  result.energy = of_a_token(series.energy, decoded);
  result.prefill_tokens_per_second = median(std::move(series.prefill));
  result.decode_tokens_per_second = median(std::move(series.decode));
  if (find_heap_counter() != nullptr) {
    result.heap_calls_per_token =
        static_cast<double>(series.heap_calls) / (decoded * static_cast<double>(options.repeats));
  }
  if (meter) result.limits = meter->summary();
  result.device = engine.device();
  return result;
}

}  // namespace

Result<void> execute(const BenchOptions& options, Console& console) {
  const auto started = Clock::now();
  LINNET_TRY(const Machine machine, inspect_machine());
  LINNET_TRY(const ModelFile file, open_model(options.model, machine, console));
  const EngineNeeds needs{.context = options.depth + std::max(options.prompt, options.generate),
                          .max_sequences = options.batch,
                          .max_batch_rows = options.batch > kChunk ? options.batch : 0,
                          .max_outputs = options.batch};
  LINNET_TRY(auto engine, open_engine(file, options.model, machine, needs, console));
  const double load_milliseconds = milliseconds_between(started, Clock::now());
  LINNET_TRY(BenchMeasurement measurement, measure(engine, machine, options, console));
  measurement.load_milliseconds = load_milliseconds;
  measurement.first_token_milliseconds += load_milliseconds;
  return console.print(options.json ? json_report(measurement, engine.program(), options)
                                    : text_report(measurement, engine.program(), options));
}

}  // namespace linnet::cli
