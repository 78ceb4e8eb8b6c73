// `linnet bench`: prefill and decode speed, start-up, memory.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "hal/energy.h"
#include "hal/linux/linux_board.h"
#include "runtime/base/clock.h"
#include "runtime/base/process_memory.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json_writer.h"
#include "runtime/cli/open_model.h"
#include "runtime/engine/random.h"
#include "runtime/engine/step_cost.h"
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

// What the processor and its memory can do at most, and the shares of it that the model reached.
struct Limits {
  limits::MachineLimits machine;
  double decode_fraction_of_bandwidth = 0;  // Weights and cache that were read, over reading alone.
  double prefill_fraction_of_peak = 0;      // Multiply-adds, over int8 multiplication alone.
};

struct Measurement {
  double prefill_tokens_per_second = 0;
  double decode_tokens_per_second = 0;
  double load_milliseconds = 0;
  double first_token_milliseconds = 0;
  std::optional<double> heap_calls_per_token;
  hal::Energy energy;  // Of a decoded token, of all that the board used meanwhile.
  ProcessMemory memory;
  engine::DeviceReport device;
  std::optional<Limits> limits;
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

Result<Repeat> measure_once(Stopwatch& stopwatch, engine::Engine& engine, const BenchOptions& options,
                            hal::EnergyProbe& probe) {
  std::vector<SequenceId> sequences(options.batch);
  for (SequenceId& sequence : sequences) {
    LINNET_TRY(sequence, engine.begin_sequence());
    LINNET_CHECK(stopwatch.prefill(sequence, options.depth));
  }
  Repeat repeat;
  LINNET_TRY(repeat.prefill_milliseconds, stopwatch.prefill(sequences.front(), options.prompt));
  engine.truncate(sequences.front(), options.depth);
  if (engine.length(sequences.front()) != options.depth) {  // A window that does not go back.
    LINNET_CHECK(stopwatch.prefill(sequences.front(), options.depth));
  }
  const hal::Energy energy = probe.so_far();
  const HeapCalls heap_calls = find_heap_counter();
  const std::uint64_t before = heap_calls != nullptr ? heap_calls() : 0;
  LINNET_TRY(repeat.decode_milliseconds, stopwatch.decode(sequences, options.generate));
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

Result<Measurement> measure(engine::Engine& engine, const BenchOptions& options, Console& console) {
  Stopwatch stopwatch(engine, console);
  hal::EnergyProbe probe(hal::make_linux_board({.root = "", .cpu = {}, .gpio = nullptr}));
  Measurement result;
  LINNET_TRY(const Repeat cold, measure_once(stopwatch, engine, options, probe));
  result.first_token_milliseconds = cold.prefill_milliseconds;
  const auto decoded = static_cast<double>(options.generate * options.batch);
  std::vector<double> prefill;
  std::vector<double> decode;
  std::vector<hal::Energy> energy;
  std::uint64_t heap_calls = 0;
  for (std::size_t i = 0; i < options.repeats; ++i) {
    LINNET_TRY(const Repeat repeat, measure_once(stopwatch, engine, options, probe));
    prefill.push_back(static_cast<double>(options.prompt) * 1e3 / repeat.prefill_milliseconds);
    decode.push_back(decoded * 1e3 / repeat.decode_milliseconds);
    heap_calls += repeat.heap_calls;
    energy.push_back(repeat.energy);
  }
  result.energy = of_a_token(energy, decoded);
  result.prefill_tokens_per_second = median(std::move(prefill));
  result.decode_tokens_per_second = median(std::move(decode));
  if (find_heap_counter() != nullptr) {
    result.heap_calls_per_token = static_cast<double>(heap_calls) / (decoded * static_cast<double>(options.repeats));
  }
  LINNET_TRY(result.memory, measure_process_memory());
  result.device = engine.device();
  return result;
}

// What the operations read and compute while `work` runs steps.
template <class Work>
Result<engine::StepCost> cost_of(engine::Engine& engine, Work work) {
  std::vector<engine::StepCost> costs(engine.program().steps.size());
  engine.profile(costs);
  const auto done = work();
  engine.profile({});
  if (!done) return tl::unexpected(done.error());
  engine::StepCost sum;
  for (const engine::StepCost& cost : costs) {
    sum.weight_bytes += cost.weight_bytes;
    sum.cache_bytes += cost.cache_bytes;
    sum.multiply_adds += cost.multiply_adds;
  }
  return sum;
}

Result<Limits> measure_limits(engine::Engine& engine, const Machine& machine, const BenchOptions& options,
                              const Measurement& model, Console& console) {
  Stopwatch stopwatch(engine, console);
  std::vector<SequenceId> sequences(options.batch);
  for (SequenceId& sequence : sequences) {
    LINNET_TRY(sequence, engine.begin_sequence());
    LINNET_CHECK(stopwatch.prefill(sequence, options.depth));
  }
  LINNET_TRY(const auto decode, cost_of(engine, [&] { return stopwatch.decode(sequences, 1); }));
  for (const SequenceId sequence : sequences) engine.end_sequence(sequence);
  LINNET_TRY(const SequenceId sequence, engine.begin_sequence());
  LINNET_TRY(const auto prefill, cost_of(engine, [&] { return stopwatch.prefill(sequence, options.prompt); }));
  engine.end_sequence(sequence);
  Limits result;
  LINNET_TRY(result.machine, limits::measure({.threads = engine.options().threads,
                                              .cpu = machine.cpu,
                                              .forced = machine.forced,
                                              .buffer = limits::buffer_within(machine.available_memory)},
                                             [&](std::size_t, std::size_t) { return !console.stop_requested(); }));
  const double steps_a_second = model.decode_tokens_per_second / static_cast<double>(options.batch);
  const auto bytes = static_cast<double>(decode.weight_bytes + decode.cache_bytes);
  result.decode_fraction_of_bandwidth = steps_a_second * bytes / 1e9 / result.machine.read_gb_s().median;
  const double operations = 2 * static_cast<double>(prefill.multiply_adds) / static_cast<double>(options.prompt);
  result.prefill_fraction_of_peak =
      model.prefill_tokens_per_second * operations / 1e9 / result.machine.int8_gop_s.median;
  return result;
}

std::string json_report(const Measurement& m) {
  JsonWriter json;
  json.begin_object().member("prefill_tokens_per_second", m.prefill_tokens_per_second);
  json.member("decode_tokens_per_second", m.decode_tokens_per_second);
  json.member("load_ms", m.load_milliseconds).member("first_token_ms", m.first_token_milliseconds);
  json.member("anonymous_bytes", m.memory.anonymous.count).member("mapped_bytes", m.memory.mapped.count);
  json.member("heap_allocations_per_token", m.heap_calls_per_token);
  const auto limit = [&](const char* name, auto value) {
    json.member(name, m.limits ? std::optional(value(*m.limits)) : std::nullopt);
  };
  limit("read_bandwidth_gb_s", [](const Limits& l) { return l.machine.read_gb_s().median; });
  limit("int8_peak_gop_s", [](const Limits& l) { return l.machine.int8_gop_s.median; });
  limit("decode_fraction_of_bandwidth", [](const Limits& l) { return l.decode_fraction_of_bandwidth; });
  limit("prefill_fraction_of_peak", [](const Limits& l) { return l.prefill_fraction_of_peak; });
  json.member("energy_source", hal::to_string(m.energy.source)).member("joules_per_token", m.energy.joules);
  json.member("device", m.device.name()).member("device_reason", m.device.reason);
  return json.end_object().line();
}

std::string one_decimal(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", number);
  return text.data();
}

std::string text_report(const Measurement& m, const BenchOptions& options) {
  std::string text;
  const auto line = [&](const std::string& name, const std::string& value) {
    text += name + std::string(24 - name.size(), ' ') + value + "\n";
  };
  const std::string depth = options.depth == 0 ? "" : " at depth " + std::to_string(options.depth);
  const std::string batch = options.batch == 1 ? "" : ", " + std::to_string(options.batch) + " sequences together";
  line("prefill " + std::to_string(options.prompt) + depth, one_decimal(m.prefill_tokens_per_second) + " tokens/s");
  line("decode " + std::to_string(options.generate) + depth,
       one_decimal(m.decode_tokens_per_second) + " tokens/s" + batch);
  line("computed by", std::string(m.device.name()) + ", " + m.device.reason);
  line("load", one_decimal(m.load_milliseconds) + " ms");
  line("first token", one_decimal(m.first_token_milliseconds) + " ms");
  line("anonymous memory", to_string(m.memory.anonymous));
  line("mapped memory", to_string(m.memory.mapped));
  line("heap allocations", m.heap_calls_per_token ? one_decimal(*m.heap_calls_per_token) + " a token"
                                                  : "not counted (load the counting allocator)");
  if (m.energy.joules) {
    line("energy",
         one_decimal(*m.energy.joules * 1e3) + " mJ a token, " + std::string(hal::to_string(m.energy.source)));
  }
  if (!m.limits) return text;
  line("reading memory", one_decimal(m.limits->machine.read_gb_s().median) + " GB/s, of which decoding reaches " +
                             one_decimal(100 * m.limits->decode_fraction_of_bandwidth) + " %");
  line("int8 peak", one_decimal(m.limits->machine.int8_gop_s.median) + " G operations/s, of which prefill reaches " +
                        one_decimal(100 * m.limits->prefill_fraction_of_peak) + " %");
  return text;
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
  LINNET_TRY(Measurement measurement, measure(engine, options, console));
  measurement.load_milliseconds = load_milliseconds;
  measurement.first_token_milliseconds += load_milliseconds;
  if (options.limits && !measurement.device.is_gpu) {
    LINNET_TRY(measurement.limits, measure_limits(engine, machine, options, measurement, console));
  }
  return console.print(options.json ? json_report(measurement) : text_report(measurement, options));
}

}  // namespace linnet::cli
