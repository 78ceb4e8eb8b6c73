#include "runtime/cli/doctor/report.h"
#include "runtime/cli/json_writer.h"

namespace linnet::cli::doctor {
namespace {

template <class Unit>
std::optional<double> scaled(const std::optional<Unit>& value, double units) {
  return value ? std::optional(static_cast<double>(value->count) / units) : std::nullopt;
}

std::optional<std::uint64_t> count_of(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional(bytes->count) : std::nullopt;
}

std::optional<double> some_of(const std::optional<hal::Pressure>& pressure) {
  return pressure ? std::optional(pressure->some) : std::nullopt;
}

void add_spread(JsonWriter& json, std::string_view name, const limits::Spread& spread) {
  json.key(name).begin_object().member("median", spread.median);
  json.member("low", spread.low).member("high", spread.high).end_object();
}

void add_board(JsonWriter& json, const Report& report) {
  json.member("board", report.facts.name).member("family", report.facts.family).member("source", report.source);
  json.member("processor", report.processor).key("cores").begin_array();
  for (const hal::Core& core : report.facts.cores) {
    json.begin_object().member("number", core.number).member("cluster", core.cluster);
    json.member("capacity", core.capacity).member("max_frequency_ghz", scaled(core.max_frequency, 1e6));
    json.member("smt_sibling", core.smt_sibling).member("isolated", core.isolated).end_object();
  }
  json.end_array().member("cpu_quota", report.facts.quota);
  json.member("threads", report.placement.threads).member("threads_reason", report.placement.why);
  json.key("threads_cores").begin_array();
  for (const unsigned core : report.placement.cores) json.value(core);
  json.end_array().key("kernels").begin_array();
  for (const KernelRow& row : report.kernels) {
    json.begin_object().member("variant", row.variant).member("families", row.families);
    json.member("reason", row.why).end_object();
  }
  json.end_array();
}

void add_limits(JsonWriter& json, const Report& report) {
  json.member("not_measured", report.not_run).key("limits");
  if (!report.limits) {
    json.null();
    return;
  }
  json.begin_object().key("read_bandwidth_gb_s").begin_array();
  for (const limits::ReadBandwidth& read : report.limits->read) {
    json.begin_object().member("threads", read.threads);
    add_spread(json, "gb_s", read.gb_s);
    json.end_object();
  }
  json.end_array();
  add_spread(json, "int8_peak_gop_s", report.limits->int8_gop_s);
  add_spread(json, "int4_weights_gb_s", report.limits->int4_weights_gb_s);
  add_spread(json, "int8_weights_gb_s", report.limits->int8_weights_gb_s);
  add_spread(json, "barrier_us", report.limits->barrier_us);
  json.end_object();
}

// null where nothing was measured, and each that cannot be had here.
void add_memory_options(JsonWriter& json, const std::optional<limits::MemoryCosts>& costs) {
  json.key("options");
  if (!costs) {
    json.null();
    return;
  }
  const auto add = [&](std::string_view name, const std::optional<limits::Spread>& spread) {
    if (spread) return add_spread(json, name, *spread);
    json.key(name).null();
  };
  json.begin_object();
  add("first_touch_ms_per_gb", costs->first_touch);
  add("read_ahead_ms_per_gb", costs->read_ahead);
  add("mlock_ms_per_gb", costs->lock);
  json.member("mlock_limit_bytes", count_of(costs->lock_limit));
  add("huge_pages_gain", costs->huge_pages);
  json.member("no_huge_pages", costs->no_huge_pages).end_object();
}

void add_vitals(JsonWriter& json, const Report& report) {
  const hal::Vitals& vitals = report.vitals;
  json.key("memory").begin_object().member("installed_bytes", report.facts.memory.count);
  json.member("available_bytes", count_of(vitals.memory_available));
  json.member("cgroup_limit_bytes", count_of(vitals.cgroup_limit));
  json.member("cgroup_usage_bytes", count_of(vitals.cgroup_usage));
  json.member("cgroup_unreclaimable_bytes", count_of(vitals.cgroup_unreclaimable));
  json.member("for_a_model_bytes", count_of(report.available));
  json.member("pressure_percent", some_of(vitals.memory_pressure));
  json.member("cgroup_pressure_percent", some_of(vitals.cgroup_pressure));
  add_memory_options(json, report.memory_costs);
  json.end_object();
  json.key("temperatures").begin_array();
  for (std::size_t i = 0; i < report.facts.thermal_zones.size(); ++i) {
    const hal::ThermalZone& zone = report.facts.thermal_zones[i];
    const auto limit = zone.throttles_at();
    const auto now = vitals.temperatures[i];
    json.begin_object().member("zone", zone.name).member("celsius", scaled(now, 1e3));
    json.member("throttles_at_celsius", scaled(limit, 1e3));
    json.member("headroom_celsius", now && limit ? scaled(std::optional(*limit - *now), 1e3) : std::nullopt);
    json.end_object();
  }
  json.end_array().key("power").begin_array();
  for (std::size_t i = 0; i < report.facts.power_rails.size(); ++i) {
    const hal::PowerRail& rail = report.facts.power_rails[i];
    json.begin_object().member("rail", rail.name).member("whole_module", rail.whole_module);
    json.member("watts", scaled(vitals.rail_powers[i], 1e3)).end_object();
  }
  json.end_array().member("under_voltage", vitals.under_voltage).member("throttle_events", vitals.throttle_events);
}

void add_surroundings(JsonWriter& json, const Report& report) {
  json.key("gpio").begin_object().member("reason", report.no_lines).key("lines").begin_array();
  for (const hal::LineInfo& line : report.lines) {
    if (line.name.empty()) continue;
    json.begin_object().member("chip", line.chip).member("name", line.name).end_object();
  }
  json.end_array().end_object().key("gpu");
  if (report.gpu) {
    json.begin_object().member("usable", report.gpu->usable).member("reason", report.gpu->reason).end_object();
  } else {
    json.null();
  }
  json.key("broker");
  if (report.broker) {
    json.begin_object().member("address", report.broker->address).member("reachable", report.broker->reachable);
    json.member("detail", report.broker->detail).end_object();
  } else {
    json.null();
  }
}

void add_advice(JsonWriter& json, const Report& report) {
  json.member("models_context", limits::kAdvisedContext).key("models").begin_array();
  for (const limits::Advice& row : report.advice) {
    json.begin_object().member("size", row.model->name).member("example", row.model->example);
    json.member("type", row.bits == limits::WeightBits::kInt4 ? "int4" : "int8");
    json.member("needed_bytes", row.needed.count).member("fits", row.fits).member("longest_context", row.longest);
    json.member("decode_tokens_per_second", row.tokens_per_second).end_object();
  }
  json.end_array();
}

}  // namespace

std::string json_of(const Report& report) {
  JsonWriter json;
  json.begin_object();
  add_board(json, report);
  add_limits(json, report);
  add_vitals(json, report);
  add_surroundings(json, report);
  add_advice(json, report);
  return json.end_object().line();
}

}  // namespace linnet::cli::doctor
