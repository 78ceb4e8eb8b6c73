#include "runtime/cli/bench_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <string_view>

#include "runtime/cli/json_writer.h"

namespace linnet::cli {
namespace {

void add(engine::StepCost& sum, const engine::StepCost& cost) {
  sum.milliseconds += cost.milliseconds;
  sum.weight_bytes += cost.weight_bytes;
  sum.cache_bytes += cost.cache_bytes;
  sum.multiply_adds += cost.multiply_adds;
  sum.calls += cost.calls;
}

std::string one_decimal(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", number);
  return text.data();
}

std::string percent(double fraction) { return one_decimal(100 * fraction) + " %"; }

// 10^9 a second.
double rate(std::uint64_t count, const engine::StepCost& cost) {
  return cost.milliseconds == 0 ? 0 : static_cast<double>(count) / cost.milliseconds / 1e6;
}

double bytes_gb_s(const engine::StepCost& cost) { return rate(cost.weight_bytes + cost.cache_bytes, cost); }
double operations_gop_s(const engine::StepCost& cost) { return 2 * rate(cost.multiply_adds, cost); }

double share(const OperationCost& operation, const engine::StepCost& all) {
  return all.milliseconds == 0 ? 0 : operation.cost.milliseconds / all.milliseconds;
}

void write_profile(JsonWriter& json, const char* part, const models::Program& program, const BenchMeasurement& m,
                   const PartCosts& costs) {
  const engine::StepCost all = costs.sum();
  const auto repeats = static_cast<double>(m.profiled_repeats);
  json.key(part).begin_array();
  for (const OperationCost& operation : by_operation(program, costs)) {
    const engine::StepCost& cost = operation.cost;
    json.begin_object().member("operation", operation.name).member("ms", cost.milliseconds / repeats);
    json.member("share", share(operation, all)).member("calls", cost.calls / m.profiled_repeats);
    json.member("bytes", (cost.weight_bytes + cost.cache_bytes) / m.profiled_repeats);
    json.member("multiply_adds", cost.multiply_adds / m.profiled_repeats);
    json.member("gb_s", bytes_gb_s(cost)).member("gop_s", operations_gop_s(cost));
    json.member("fraction_of_bandwidth",
                m.limits ? std::optional(bytes_gb_s(cost) / m.limits->read_gb_s().median) : std::nullopt);
    json.member("fraction_of_peak",
                m.limits ? std::optional(operations_gop_s(cost) / m.limits->int8_gop_s.median) : std::nullopt);
    json.end_object();
  }
  json.end_array();
}

std::string of_limit(double value, std::optional<double> limit) {
  if (!limit) return {};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), " (%3.0f %%)", 100 * value / *limit);
  return text.data();
}

// A line an operation.
std::string profile_table(const std::string& part, const models::Program& program, const BenchMeasurement& m,
                          const PartCosts& costs) {
  const auto limit = [&](double value) { return m.limits ? std::optional(value) : std::nullopt; };
  const auto bandwidth = m.limits ? limit(m.limits->read_gb_s().median) : std::nullopt;
  const auto peak = m.limits ? limit(m.limits->int8_gop_s.median) : std::nullopt;
  const engine::StepCost all = costs.sum();
  std::string text = "\n" + part + ": " + one_decimal(all.milliseconds / static_cast<double>(m.profiled_repeats)) +
                     " ms; of them, read and computed a second" + (m.limits ? " (share of the limit)\n" : "\n");
  for (const OperationCost& operation : by_operation(program, costs)) {
    const double read = bytes_gb_s(operation.cost);
    const double computed = operations_gop_s(operation.cost);
    std::array<char, 96> line{};
    std::snprintf(line.data(), line.size(), "  %-24s %6s  %6.1f GB/s", operation.name.c_str(),
                  percent(share(operation, all)).c_str(), read);
    text += line.data() + of_limit(read, bandwidth);
    std::snprintf(line.data(), line.size(), "  %7.1f Gop/s", computed);
    text += line.data() + of_limit(computed, peak) + "\n";
  }
  return text;
}

}  // namespace

engine::StepCost PartCosts::sum() const {
  engine::StepCost sum;
  for (const engine::StepCost& cost : steps) add(sum, cost);
  return sum;
}

std::optional<double> BenchMeasurement::decode_fraction_of_bandwidth(const BenchOptions& options) const {
  if (!limits) return std::nullopt;
  const engine::StepCost all = decode.sum();
  const auto steps = static_cast<double>(options.generate * profiled_repeats);
  const double bytes_a_step = static_cast<double>(all.weight_bytes + all.cache_bytes) / steps;
  const double steps_a_second = decode_tokens_per_second / static_cast<double>(options.batch);
  return steps_a_second * bytes_a_step / 1e9 / limits->read_gb_s().median;
}

std::optional<double> BenchMeasurement::prefill_fraction_of_peak(const BenchOptions& options) const {
  if (!limits) return std::nullopt;
  const auto tokens = static_cast<double>(options.prompt * profiled_repeats);
  const double operations_a_token = 2 * static_cast<double>(prefill.sum().multiply_adds) / tokens;
  return prefill_tokens_per_second * operations_a_token / 1e9 / limits->int8_gop_s.median;
}

std::vector<OperationCost> by_operation(const models::Program& program, const PartCosts& costs) {
  std::vector<OperationCost> operations;
  for (std::size_t i = 0; i < costs.steps.size(); ++i) {
    std::string_view name = program.steps[i].name;
    if (const auto space = name.find(' '); name.starts_with("blk.") && space != std::string_view::npos) {
      name.remove_prefix(space + 1);
    }
    auto found = std::ranges::find(operations, name, &OperationCost::name);
    if (found == operations.end()) found = operations.insert(found, {std::string(name), {}});
    add(found->cost, costs.steps[i]);
  }
  std::ranges::stable_sort(operations, std::greater<>(),
                           [](const OperationCost& operation) { return operation.cost.milliseconds; });
  return operations;
}

std::string json_report(const BenchMeasurement& m, const models::Program& program, const BenchOptions& options) {
  JsonWriter json;
  json.begin_object().member("prefill_tokens_per_second", m.prefill_tokens_per_second);
  json.member("decode_tokens_per_second", m.decode_tokens_per_second);
  json.member("load_ms", m.load_milliseconds).member("first_token_ms", m.first_token_milliseconds);
  json.member("anonymous_bytes", m.memory.anonymous.count).member("mapped_bytes", m.memory.mapped.count);
  json.member("heap_allocations_per_token", m.heap_calls_per_token);
  json.member("read_bandwidth_gb_s", m.limits ? std::optional(m.limits->read_gb_s().median) : std::nullopt);
  json.member("int8_peak_gop_s", m.limits ? std::optional(m.limits->int8_gop_s.median) : std::nullopt);
  json.member("decode_fraction_of_bandwidth", m.decode_fraction_of_bandwidth(options));
  json.member("prefill_fraction_of_peak", m.prefill_fraction_of_peak(options));
  json.member("energy_source", hal::to_string(m.energy.source)).member("joules_per_token", m.energy.joules);
  json.member("device", m.device.name()).member("device_reason", m.device.reason);
  if (options.profile) {
    json.key("profile").begin_object();
    write_profile(json, "prefill", program, m, m.prefill);
    write_profile(json, "decode", program, m, m.decode);
    json.end_object();
  }
  return json.end_object().line();
}

std::string text_report(const BenchMeasurement& m, const models::Program& program, const BenchOptions& options) {
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
  if (m.limits) {
    line("reading memory", one_decimal(m.limits->read_gb_s().median) + " GB/s, of which decoding reaches " +
                               percent(*m.decode_fraction_of_bandwidth(options)));
    line("int8 peak", one_decimal(m.limits->int8_gop_s.median) + " G operations/s, of which prefill reaches " +
                          percent(*m.prefill_fraction_of_peak(options)));
  }
  if (options.profile) {
    text += profile_table("prefill", program, m, m.prefill) + profile_table("decode", program, m, m.decode);
  }
  return text;
}

}  // namespace linnet::cli
