#include "runtime/daemon/telemetry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "hal/governor.h"
#include "runtime/daemon/energy_budget.h"

namespace linnet::daemon {
namespace {

using Figures = std::map<std::string, double>;

template <class T>
void add(Figures& figures, const char* name, const std::optional<T>& value) {
  if (value) figures[name] = static_cast<double>(*value);
}

void add(Figures& figures, const char* name, const std::optional<Bytes>& value) {
  if (value) figures[name] = static_cast<double>(value->count);
}

// p50, p95 and p99 of what came since the last snapshot; without any, the figures are absent.
void add_percentiles(Figures& figures, const std::string& name, const DurationHistogram& recent) {
  if (recent.count() == 0) return;
  figures[name + "_p50_ms"] = recent.percentile_seconds(0.50) * 1000;
  figures[name + "_p95_ms"] = recent.percentile_seconds(0.95) * 1000;
  figures[name + "_p99_ms"] = recent.percentile_seconds(0.99) * 1000;
}

// Nine digits; whole numbers, of bytes above all, with all of theirs.
std::string number(double value) {
  constexpr double kExact = 9007199254740992;  // 2^53.
  if (std::trunc(value) == value && std::abs(value) < kExact) return std::to_string(static_cast<std::int64_t>(value));
  std::array<char, 32> text{};
  const int count = std::snprintf(text.data(), text.size(), "%.9g", value);
  return {text.data(), static_cast<std::size_t>(count)};
}

void append_metric(std::string& out, std::string_view name, std::string_view type, std::string_view labels,
                   double value) {
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  out.append(name).append("{").append(labels).append("} ").append(number(value)).append("\n");
}

void append_histogram(std::string& out, const std::string& name, const std::string& node,
                      const DurationHistogram& histogram) {
  out.append("# TYPE ").append(name).append(" histogram\n");
  for (std::size_t bucket = 0; bucket < DurationHistogram::kBuckets; bucket += 4) {
    out.append(name)
        .append("_bucket{")
        .append(node)
        .append(",le=\"")
        .append(number(DurationHistogram::edge_seconds(bucket)));
    out.append("\"} ").append(std::to_string(histogram.count_up_to(bucket))).append("\n");
  }
  out.append(name)
      .append("_bucket{")
      .append(node)
      .append(",le=\"+Inf\"} ")
      .append(std::to_string(histogram.count()))
      .append("\n");
  out.append(name).append("_sum{").append(node).append("} ").append(number(histogram.sum_seconds())).append("\n");
  out.append(name).append("_count{").append(node).append("} ").append(std::to_string(histogram.count())).append("\n");
}

}  // namespace

void GenerationFigures::record(const JobReport& report, std::chrono::microseconds queued) {
  const std::lock_guard lock(mutex_);
  totals_.queued.record(queued);
  if (report.tokens > 0) totals_.first_token.record(report.first_token);
  totals_.tokens += report.tokens;
  totals_.prompt_tokens += report.prompt_tokens;
  totals_.prefix_hits += report.reused_tokens > 0 ? 1 : 0;
  totals_.prefix_tokens += report.reused_tokens;
  totals_.log_probability += report.log_probability;
  totals_.busy += report.total;
}

void GenerationFigures::record_token_gap(std::chrono::microseconds gap) {
  const std::lock_guard lock(mutex_);
  totals_.between_tokens.record(gap);
}

void GenerationFigures::record_consistency(double share) {
  const std::lock_guard lock(mutex_);
  totals_.consistency = share;
}

GenerationFigures::Totals GenerationFigures::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

Figures Telemetry::snapshot(const TelemetrySources& sources, const hal::Facts& facts, const hal::Vitals& vitals,
                            Clock::time_point now) {
  const bool first = last_ == Clock::time_point{};
  const double seconds = first ? 0 : std::chrono::duration<double>(now - last_).count();
  Figures figures;
  add_service(figures, sources, seconds);
  add_model(figures, sources, seconds);
  add_board(figures, facts, vitals, seconds);
  add_price(figures, sources);
  last_ = now;
  last_received_ = sources.counters->received;
  last_totals_ = sources.generation->totals();
  return figures;
}

void add_counters(Figures& figures, const ServiceCounters& counters, std::size_t queue_depth) {
  figures["requests"] = static_cast<double>(counters.accepted);
  figures["done"] = static_cast<double>(counters.done);
  figures["failed"] = static_cast<double>(counters.failed);
  figures["expired"] = static_cast<double>(counters.expired);
  figures["rejected"] = static_cast<double>(counters.rejected);
  figures["undeliverable"] = static_cast<double>(counters.undeliverable);
  figures["replaced"] = static_cast<double>(counters.replaced);
  figures["tokens"] = static_cast<double>(counters.tokens);
  figures["queue"] = static_cast<double>(queue_depth);
}

void Telemetry::add_service(Figures& figures, const TelemetrySources& sources, double seconds) {
  const ServiceCounters& counters = *sources.counters;
  add_counters(figures, counters, sources.queue_depth);
  figures["broker_connected"] = sources.broker_connected ? 1 : 0;
  figures["broker_connections"] = static_cast<double>(sources.broker_connections);
  if (sources.flushes.commits > 0) {
    const auto nanoseconds = static_cast<double>(sources.flushes.time.count());
    figures["flush_ms"] = nanoseconds / 1e6 / static_cast<double>(sources.flushes.commits);
  }
  add(figures, "memory_anonymous_bytes", sources.anonymous_memory);
  add(figures, "memory_mapped_bytes", sources.mapped_memory);
  add(figures, "memory_planned_bytes", sources.planned_memory);
  figures["memory_short"] = sources.memory.is_short ? 1 : 0;
  figures["memory_reliefs"] = static_cast<double>(sources.memory.reliefs);
  figures["memory_given_back_bytes"] = static_cast<double>(sources.memory.given_back.count);
  figures["weights_streamed_bytes"] = static_cast<double>(sources.memory.streamed.count);
  add(figures, "storage_used", sources.storage_used);
  add(figures, "budget_used", sources.budget_used);
  add(figures, "work_share", sources.work_share);
  if (seconds <= 0) return;
  figures["requests_per_second"] = static_cast<double>(counters.received - last_received_) / seconds;
}

void Telemetry::add_model(Figures& figures, const TelemetrySources& sources, double seconds) {
  const auto totals = sources.generation->totals();
  add_percentiles(figures, "first_token", totals.first_token.since(last_totals_.first_token));
  add_percentiles(figures, "between_tokens", totals.between_tokens.since(last_totals_.between_tokens));
  add_percentiles(figures, "queued", totals.queued.since(last_totals_.queued));
  figures["prefix_hits"] = static_cast<double>(totals.prefix_hits);
  figures["prefix_tokens"] = static_cast<double>(totals.prefix_tokens);
  const auto new_prompts = static_cast<double>(totals.prompt_tokens - last_totals_.prompt_tokens);
  if (new_prompts > 0) {
    figures["prefix_share"] = static_cast<double>(totals.prefix_tokens - last_totals_.prefix_tokens) / new_prompts;
  }
  if (totals.consistency) figures["inconsistency"] = 1 - *totals.consistency;
  const auto new_tokens = static_cast<double>(totals.tokens - last_totals_.tokens);
  if (new_tokens > 0)
    figures["mean_log_probability"] = (totals.log_probability - last_totals_.log_probability) / new_tokens;
  if (seconds <= 0) return;
  figures["tokens_per_second"] = new_tokens / seconds;
  const auto busy = std::chrono::duration<double>(totals.busy - last_totals_.busy).count();
  figures["utilisation"] = std::min(1.0, busy / seconds);
}

void Telemetry::add_board(Figures& figures, const hal::Facts& facts, const hal::Vitals& vitals, double seconds) {
  add(figures, "memory_available_bytes", vitals.memory_available);
  add(figures, "cgroup_limit_bytes", vitals.cgroup_limit);
  add(figures, "cgroup_usage_bytes", vitals.cgroup_usage);
  if (vitals.memory_pressure) figures["memory_pressure"] = vitals.memory_pressure->some / 100;
  if (vitals.cgroup_pressure) figures["cgroup_pressure"] = vitals.cgroup_pressure->some / 100;
  if (vitals.cpu_pressure) figures["cpu_pressure"] = vitals.cpu_pressure->some / 100;
  add(figures, "throttle_events", vitals.throttle_events);
  add_usage(figures, vitals, seconds);
  std::optional<double> hottest;
  for (const auto& temperature : vitals.temperatures) {
    if (temperature) hottest = std::max(hottest.value_or(-1e9), static_cast<double>(temperature->count) / 1000);
  }
  add(figures, "temperature_c", hottest);
  add_energy(figures, facts, vitals, seconds);
}

void Telemetry::add_energy(Figures& figures, const hal::Facts& facts, const hal::Vitals& vitals, double seconds) {
  if (const auto reading = hal::module_power(facts, vitals)) {
    const double watts = static_cast<double>(reading->power.count) / 1000;
    figures["power_w"] = watts;
    figures["power_measured"] = reading->whole ? 1 : 0;
    joules_ = joules_.value_or(0) + watts * seconds;
  }
  add(figures, "energy_j", joules_);
}

// Of all that the module used since the last snapshot, idling included.
void Telemetry::add_price(Figures& figures, const TelemetrySources& sources) {
  const auto last_joules = std::exchange(last_joules_, joules_);
  if (!joules_) return;
  if (sources.tariff > 0) figures["energy_cost"] = cost_of(*joules_, sources.tariff);
  const auto new_tokens = static_cast<double>(sources.generation->totals().tokens - last_totals_.tokens);
  if (last_joules && new_tokens > 0) figures["joules_per_token"] = (*joules_ - *last_joules) / new_tokens;
}

// Counters since boot become rates; a counter that went back (an interface that left) gives none this time.
void Telemetry::add_usage(Figures& figures, const hal::Vitals& vitals, double seconds) {
  const auto grown = [](std::uint64_t now, std::uint64_t before) { return static_cast<double>(now - before); };
  const auto last_cpu = std::exchange(last_cpu_time_, vitals.cpu_time);
  if (last_cpu && vitals.cpu_time && vitals.cpu_time->total > last_cpu->total &&
      vitals.cpu_time->busy >= last_cpu->busy) {
    figures["cpu_used"] = grown(vitals.cpu_time->busy, last_cpu->busy) / grown(vitals.cpu_time->total, last_cpu->total);
  }
  const auto last_network = std::exchange(last_network_, vitals.network);
  if (!last_network || !vitals.network || seconds <= 0) return;
  const hal::Traffic& now = *vitals.network;
  if (now.received < last_network->received || now.sent < last_network->sent) return;
  figures["network_received_bytes_per_second"] = grown(now.received.count, last_network->received.count) / seconds;
  figures["network_sent_bytes_per_second"] = grown(now.sent.count, last_network->sent.count) / seconds;
}

void write_figures(std::string& out, const Figures& figures, std::string_view extra) {
  out.assign("{").append(extra);
  for (const auto& [name, value] : figures) {
    if (out.back() != '{' && out.back() != ',') out.push_back(',');
    out.append("\"").append(name).append("\":").append(number(value));
  }
  if (out.back() == ',') out.pop_back();
  out.push_back('}');
}

void write_prometheus(std::string& out, const Figures& figures, const ServiceCounters& counters,
                      const GenerationFigures::Totals& totals, std::string_view node) {
  out.clear();
  const std::string label = "node=\"" + std::string(node) + "\"";
  const std::pair<const char*, std::uint64_t> counts[] = {
      {"received", counters.received},   {"accepted", counters.accepted}, {"duplicates", counters.duplicates},
      {"rejected", counters.rejected},   {"done", counters.done},         {"failed", counters.failed},
      {"cancelled", counters.cancelled}, {"expired", counters.expired}};
  out.append("# TYPE linnet_requests_total counter\n");
  for (const auto& [kind, value] : counts) {
    out.append("linnet_requests_total{").append(label).append(",kind=\"").append(kind).append("\"} ");
    out.append(std::to_string(value)).append("\n");
  }
  append_metric(out, "linnet_tokens_total", "counter", label, static_cast<double>(totals.tokens));
  append_metric(out, "linnet_prompt_tokens_total", "counter", label, static_cast<double>(totals.prompt_tokens));
  append_metric(out, "linnet_prefix_hits_total", "counter", label, static_cast<double>(totals.prefix_hits));
  append_metric(out, "linnet_prefix_tokens_total", "counter", label, static_cast<double>(totals.prefix_tokens));
  append_histogram(out, "linnet_first_token_seconds", label, totals.first_token);
  append_histogram(out, "linnet_between_tokens_seconds", label, totals.between_tokens);
  append_histogram(out, "linnet_queued_seconds", label, totals.queued);
  const std::pair<const char*, const char*> gauges[] = {
      {"queue", "linnet_queue_requests"},
      {"tokens_per_second", "linnet_tokens_per_second"},
      {"utilisation", "linnet_utilisation_ratio"},
      {"memory_anonymous_bytes", "linnet_memory_anonymous_bytes"},
      {"memory_mapped_bytes", "linnet_memory_mapped_bytes"},
      {"memory_planned_bytes", "linnet_memory_planned_bytes"},
      {"memory_available_bytes", "linnet_memory_available_bytes"},
      {"cpu_used", "linnet_cpu_used_ratio"},
      {"network_received_bytes_per_second", "linnet_network_received_bytes_per_second"},
      {"network_sent_bytes_per_second", "linnet_network_sent_bytes_per_second"},
      {"temperature_c", "linnet_temperature_celsius"},
      {"power_w", "linnet_power_watts"},
      {"energy_j", "linnet_energy_joules_total"},
      {"broker_connected", "linnet_broker_connected"},
      {"storage_used", "linnet_storage_used_ratio"},
      {"budget_used", "linnet_budget_used_ratio"},
      {"power_measured", "linnet_power_measured"},
      {"joules_per_token", "linnet_energy_per_token_joules"},
      {"work_share", "linnet_work_share_ratio"},
      {"inconsistency", "linnet_inconsistency_ratio"},
      {"memory_pressure", "linnet_memory_pressure_ratio"},
      {"cgroup_pressure", "linnet_cgroup_memory_pressure_ratio"},
      {"memory_short", "linnet_memory_short"},
      {"memory_reliefs", "linnet_memory_reliefs_total"},
      {"memory_given_back_bytes", "linnet_memory_given_back_bytes_total"},
      {"weights_streamed_bytes", "linnet_weights_streamed_bytes"}};
  for (const auto& [figure, name] : gauges) {
    const auto found = figures.find(figure);
    if (found == figures.end()) continue;
    const bool counter = std::string_view(name).ends_with("_total");
    append_metric(out, name, counter ? "counter" : "gauge", label, found->second);
  }
}

}  // namespace linnet::daemon
