#include "hal/sim/sim_file.h"

#include <algorithm>

#include <toml++/toml.h>

namespace linnet::hal {
namespace {

// Walks the document and remembers the first fault, so that the reading code reads like the file.
class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

  void reject(const toml::node& node, std::string_view why) {
    if (fault_) return;
    fault_ = Error{ErrorKind::kMalformed,
                   std::string(name_) + ":" + std::to_string(node.source().begin.line) + ": " + std::string(why)};
  }

  std::optional<std::int64_t> number(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::nullopt;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < 0) reject(*node, "'" + std::string(key) + "' must be a whole number, 0 or more");
    return value;
  }

  std::optional<bool> boolean(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::nullopt;
    if (!node->is_boolean()) reject(*node, "'" + std::string(key) + "' must be true or false");
    return node->value<bool>();
  }

  std::optional<Bytes> bytes(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::nullopt;
    const auto size = parse_bytes(node->value_or(std::string{}));
    if (!size) reject(*node, "'" + std::string(key) + "' must be a size in quotes, such as \"2G\"");
    return size ? std::optional(*size) : std::nullopt;
  }

  std::string name(const toml::table& table) {
    const auto text = table["name"].value<std::string>();
    if (!text || text->empty()) reject(table, "a 'name' is missing");
    return text.value_or("");
  }

  // Calls `read` with each table of the array at `key`.
  template <class F>
  void each(const toml::table& table, std::string_view key, F read) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return reject(*node, "'" + std::string(key) + "' must be an array of tables");
    for (const toml::node& entry : *array) {
      if (entry.as_table() == nullptr) return reject(entry, "'" + std::string(key) + "' must hold tables");
      read(*entry.as_table());
    }
  }

 private:
  std::string_view name_;
  std::optional<Error> fault_;
};

ThermalZone read_zone(Reader& reader, const toml::table& table) {
  ThermalZone zone{reader.name(table), {}};
  for (const auto& [key, kind] : {std::pair{"active", TripKind::kActive}, std::pair{"passive", TripKind::kPassive},
                                  std::pair{"hot", TripKind::kHot}, std::pair{"critical", TripKind::kCritical}}) {
    if (const auto value = reader.number(table, key)) zone.trips.push_back({kind, MilliCelsius{*value}});
  }
  return zone;
}

CpuFeatures read_cpu(Reader& reader, const toml::table& table) {
  CpuFeatures cpu;
  const toml::array* names = table["cpu"].as_array();
  if (names == nullptr) return cpu;
  for (const toml::node& node : *names) {
    const std::string name = node.value_or(std::string{});
    if (name == "avx2")
      cpu.avx2 = true;
    else if (name == "avx_vnni")
      cpu.avx_vnni = true;
    else if (name == "avx512_vnni")
      cpu.avx512_vnni = true;
    else if (name == "amx_int8")
      cpu.amx_int8 = true;
    else if (name == "neon")
      cpu.neon = true;
    else if (name == "dotprod")
      cpu.dotprod = true;
    else if (name == "i8mm")
      cpu.i8mm = true;
    else if (name == "sve2")
      cpu.sve2 = true;
    else
      reader.reject(
          node, "unknown CPU feature '" + name + "': avx2, avx_vnni, avx512_vnni, amx_int8, neon, dotprod, i8mm, sve2");
  }
  return cpu;
}

constexpr std::int64_t kMostCores = 1024;

Facts read_facts(Reader& reader, const toml::table& document) {
  Facts facts;
  facts.name = reader.name(document);
  static const toml::table kNothing;
  const toml::table* table = document["facts"].as_table();
  if (table == nullptr) table = &kNothing;
  facts.cpu = read_cpu(reader, *table);
  facts.memory = reader.bytes(*table, "memory").value_or(Bytes{});
  const auto frequency = reader.number(*table, "max_frequency_khz");
  const std::int64_t cores = std::clamp<std::int64_t>(reader.number(*table, "cores").value_or(1), 1, kMostCores);
  for (unsigned number = 0; number < static_cast<unsigned>(cores); ++number) {
    Core core;
    core.number = number;
    if (frequency) core.max_frequency = Kilohertz{*frequency};
    facts.cores.push_back(core);
  }
  reader.each(*table, "zones",
              [&](const toml::table& zone) { facts.thermal_zones.push_back(read_zone(reader, zone)); });
  reader.each(*table, "rails", [&](const toml::table& rail) {
    facts.power_rails.push_back({reader.name(rail), reader.boolean(rail, "whole_module").value_or(false)});
  });
  if (const toml::array* nodes = (*table)["accelerators"].as_array()) {
    for (const toml::node& node : *nodes) facts.accelerators.push_back(node.value_or(std::string{}));
  }
  return facts;
}

std::optional<ErrorKind> read_failure(Reader& reader, const toml::table& line) {
  const toml::node* node = line.get("fail");
  if (node == nullptr) return std::nullopt;
  const std::string name = node->value_or(std::string{});
  if (name == "busy") return ErrorKind::kBusy;
  if (name == "denied") return ErrorKind::kDenied;
  if (name == "io") return ErrorKind::kIo;
  reader.reject(*node, R"('fail' must be "busy", "denied" or "io")");
  return std::nullopt;
}

std::vector<SimLine> read_lines(Reader& reader, const toml::table& document) {
  std::vector<SimLine> lines;
  reader.each(document, "line", [&](const toml::table& table) {
    lines.push_back({reader.name(table), read_failure(reader, table), {}});
  });
  reader.each(document, "edge", [&](const toml::table& table) {
    const auto name = table["line"].value_or(std::string{});
    const auto line = std::find_if(lines.begin(), lines.end(), [&](const SimLine& l) { return l.name == name; });
    if (line == lines.end()) return reader.reject(table, "'edge' names no [[line]]: '" + name + "'");
    line->edges.emplace_back(reader.number(table, "at_ms").value_or(0), reader.boolean(table, "active").value_or(true));
  });
  for (SimLine& line : lines) std::stable_sort(line.edges.begin(), line.edges.end());
  return lines;
}

// A table of name = number; every name must be in `known`.
template <class Unit, class Known>
std::map<std::string, Unit> read_named(Reader& reader, const toml::table& table, std::string_view key,
                                       const Known& known) {
  std::map<std::string, Unit> values;
  const toml::table* entries = table[key].as_table();
  if (entries == nullptr) return values;
  for (const auto& [name, node] : *entries) {
    const std::string text(name.str());
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const auto& fact) { return fact.name == text; });
    const auto value = node.template value_exact<std::int64_t>();
    if (!is_known) reader.reject(node, "'" + text + "' is not among the board's facts");
    if (!value) reader.reject(node, "'" + text + "' must be a whole number");
    values[text] = Unit{value.value_or(0)};
  }
  return values;
}

// { first = N, second = N }: counters since boot.
std::optional<std::pair<std::uint64_t, std::uint64_t>> read_counters(Reader& reader, const toml::table& table,
                                                                     std::string_view key, std::string_view first,
                                                                     std::string_view second) {
  const toml::table* entries = table[key].as_table();
  if (entries == nullptr) return std::nullopt;
  const auto one = reader.number(*entries, first);
  const auto other = reader.number(*entries, second);
  if (!one || !other || *one < 0 || *other < 0) {
    reader.reject(*entries, "'" + std::string(key) + "' must hold the counters '" + std::string(first) + "' and '" +
                                std::string(second) + "'");
    return std::nullopt;
  }
  return std::pair{static_cast<std::uint64_t>(*one), static_cast<std::uint64_t>(*other)};
}

SimVitals read_vitals(Reader& reader, const toml::table& table, const Facts& facts) {
  SimVitals vitals;
  vitals.at = std::chrono::milliseconds(reader.number(table, "at_ms").value_or(0));
  vitals.memory_available = reader.bytes(table, "memory_available");
  vitals.cgroup_limit = reader.bytes(table, "cgroup_limit");
  vitals.cgroup_usage = reader.bytes(table, "cgroup_usage");
  if (const auto some = table["memory_pressure"].value<double>()) vitals.memory_pressure = Pressure{*some, 0};
  if (const auto some = table["cgroup_pressure"].value<double>()) vitals.cgroup_pressure = Pressure{*some, 0};
  if (const auto ticks = read_counters(reader, table, "cpu_time", "busy", "total")) {
    vitals.cpu_time = CpuTime{ticks->first, ticks->second};
  }
  if (const auto bytes = read_counters(reader, table, "network", "received", "sent")) {
    vitals.network = Traffic{Bytes{bytes->first}, Bytes{bytes->second}};
  }
  vitals.temperatures = read_named<MilliCelsius>(reader, table, "temperatures", facts.thermal_zones);
  vitals.rails = read_named<Milliwatts>(reader, table, "rails", facts.power_rails);
  if (const auto frequency = reader.number(table, "frequency_khz")) vitals.frequency = Kilohertz{*frequency};
  if (const auto events = reader.number(table, "throttle_events"))
    vitals.throttle_events = static_cast<std::uint64_t>(*events);
  return vitals;
}

SimFile read_document(Reader& reader, const toml::table& document) {
  SimFile file;
  file.facts = read_facts(reader, document);
  if (const toml::node* node = document.get("record")) {
    file.record = node->value_or(std::string{});
    if (file.record.empty()) reader.reject(*node, "'record' must be a file's name in quotes");
  }
  file.lines = read_lines(reader, document);
  reader.each(document, "vitals", [&](const toml::table& table) {
    file.vitals.push_back(read_vitals(reader, table, file.facts));
    file.repeat = reader.boolean(table, "repeat").value_or(false);
  });
  std::stable_sort(file.vitals.begin(), file.vitals.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return file;
}

}  // namespace

Result<SimFile> parse_sim_file(std::string_view toml, std::string_view name_for_errors) {
  try {
    const toml::table document = toml::parse(toml, name_for_errors);
    Reader reader(name_for_errors);
    SimFile file = read_document(reader, document);
    if (reader.fault()) return tl::unexpected(*reader.fault());
    return file;
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::kMalformed, std::string(name_for_errors) + ":" + std::to_string(error.source().begin.line) +
                                           ": " + std::string(error.description()));
  }
}

}  // namespace linnet::hal
