#include "runtime/daemon/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "runtime/daemon/toml_reader.h"

namespace linnet::daemon {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 40;

std::chrono::seconds read_seconds(TomlTable& table, std::string_view key, std::chrono::seconds otherwise,
                                  std::int64_t least) {
  return std::chrono::seconds(table.integer(key, otherwise.count(), least, std::int64_t{3650} * 86400));
}

std::chrono::milliseconds read_milliseconds(TomlTable& table, std::string_view key,
                                            std::chrono::milliseconds otherwise) {
  return std::chrono::milliseconds(table.integer(key, otherwise.count(), 0, 86400000));
}

// The host's name, made into an id, for devices whose configuration names none.
std::string node_from_hostname() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  std::string node(name);
  for (char& c : node) {
    c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (!is_topic_id({&c, 1})) c = '-';
  }
  node.resize(std::min<std::size_t>(node.size(), 63));
  return node.empty() || node == kPoolNode ? "node" : node;
}

void read_device(TomlTable table, DaemonConfig& config) {
  config.address.root = table.text("root", config.address.root);
  config.address.group = table.text("group", config.address.group);
  config.address.node = table.text("node", node_from_hostname());
  config.display_name = table.text("name", config.address.node);
  if (const auto checked = check_address(config.address); !checked) table.fault(checked.error().message);
  table.finish();
}

void read_tls(TomlTable table, DaemonConfig& config) {
  if (!table.present()) return;
  MqttTls tls;
  tls.ca_file = table.text("ca");
  tls.certificate_file = table.text("certificate");
  tls.key_file = table.text("key");
  if (tls.ca_file.empty())
    table.fault("'mqtt.tls.ca' is needed: the file of the authority that signed the broker's certificate");
  if (tls.certificate_file.empty() != tls.key_file.empty()) table.fault("'certificate' and 'key' belong together");
  config.mqtt.tls = std::move(tls);
  table.finish();
}

void read_mqtt(TomlTable table, DaemonConfig& config) {
  MqttOptions& mqtt = config.mqtt;
  mqtt.host = table.text("host", mqtt.host);
  mqtt.port = static_cast<int>(table.integer("port", mqtt.port, 1, 65535));
  mqtt.username = table.text("username");
  config.password_file = table.text("password_file");
  mqtt.keep_alive = read_seconds(table, "keep_alive_s", mqtt.keep_alive, 5);
  mqtt.session_expiry = read_seconds(table, "session_expiry_s", mqtt.session_expiry, 0);
  config.reply_prefix = table.text("reply_prefix");
  config.pool = table.text("pool");
  config.pool_models = table.texts("pool_models");
  if (!config.pool.empty() && !is_topic_id(config.pool))
    table.fault_at("pool", "'mqtt.pool' must be 1 to 63 of a-z, 0-9, '_' and '-'");
  for (const std::string& model : config.pool_models) {
    if (!is_topic_id(model))
      table.fault_at("pool_models", "'" + model + "' is not a pool's model: 1 to 63 of a-z, 0-9, '_' and '-'");
  }
  read_tls(table.table("tls"), config);
  mqtt.client_id = config.address.root + "-" + config.address.group + "-" + config.address.node;
  table.finish();
}

void read_engine(TomlTable table, DaemonConfig& config) {
  config.threads = static_cast<std::size_t>(table.integer("threads", 0, 0, 1024));
  config.at_once = static_cast<std::size_t>(table.integer("at_once", 1, 1, 16));
  config.may_pause = static_cast<std::size_t>(table.integer("may_pause", 1, 0, 16));
  config.default_model = table.text("default_model");
  const std::string budget = table.text("memory_budget");
  if (!budget.empty()) {
    const auto size = parse_bytes(budget);
    if (size) config.memory_budget = *size;
    if (!size) table.fault_at("memory_budget", size.error().message);
  }
  const std::string device = table.text("device", "auto");
  if (device == "cpu") config.device = engine::DeviceChoice::kCpu;
  if (device == "cuda") config.device = engine::DeviceChoice::kCuda;
  if (device != "auto" && device != "cpu" && device != "cuda")
    table.fault_at("device", "'engine.device' must be auto, cpu or cuda");
  const std::string cache = table.text("kv_cache", "f16");
  if (cache == "q8") config.cache_format = kernels::CacheFormat::kQ8;
  if (cache != "f16" && cache != "q8") table.fault_at("kv_cache", "'engine.kv_cache' must be f16 or q8");
  config.memory.lock = table.boolean("mlock");
  config.memory.huge_pages = table.boolean("huge_pages");
  config.memory.read_ahead = table.boolean("read_ahead");
  config.governor = table.boolean("governor", true);
  const double watts = table.number("power_budget_w", 0, 0, 10'000);
  if (watts > 0) config.power_budget = Milliwatts{static_cast<std::int64_t>(watts * 1000)};
  table.finish();
}

void read_models(TomlTable& document, DaemonConfig& config) {
  document.each_named("models", [&](const std::string& name, TomlTable& table) {
    ModelConfig model;
    model.path = table.text("path");
    model.context = static_cast<std::size_t>(table.integer("context", 0, 0, kMost));
    model.idle_unload = read_seconds(table, "idle_unload_s", model.idle_unload, 0);
    model.load_at_start = table.boolean("load_at_start");
    if (model.path.empty()) table.fault("model '" + name + "' needs a 'path'");
    if (!is_topic_id(name)) table.fault("'" + name + "' is not a model's name: 1 to 63 of a-z, 0-9, '_' and '-'");
    config.models[name] = std::move(model);
  });
}

void read_lines(TomlTable& document, DaemonConfig& config) {
  document.each_named("lines", [&](const std::string& name, TomlTable& table) {
    LineConfig line;
    line.settings.name = name;
    line.settings.direction = static_cast<hal::Direction>(table.one_of("direction", {"input", "output"}, 1));
    line.settings.bias = static_cast<hal::Bias>(table.one_of("bias", {"as-is", "disabled", "pull-up", "pull-down"}, 0));
    line.settings.edges =
        static_cast<hal::EdgeDetection>(table.one_of("edges", {"none", "rising", "falling", "both"}, 0));
    line.settings.debounce = std::chrono::microseconds(table.integer("debounce_us", 0, 0, 10'000'000));
    line.settings.active_low = table.boolean("active_low");
    line.settings.safe_active = table.boolean("safe_active");
    line.remote = table.boolean("remote");
    const bool watched = line.settings.edges != hal::EdgeDetection::kNone || line.settings.debounce.count() != 0;
    if (watched && line.settings.direction == hal::Direction::kOutput)
      table.fault("line '" + name + "' is an output: 'edges' and 'debounce_us' are for direction = \"input\"");
    config.lines[name] = std::move(line);
  });
}

RuleConfig read_rule(TomlTable& table, const DaemonConfig& config) {
  RuleConfig rule;
  rule.name = table.text("name");
  table.each_text("when", [&](const std::string& path, const std::string& value) { rule.when[path] = value; });
  rule.action.line = table.text("line");
  rule.action.topic = table.text("topic");
  rule.action.payload = table.text("payload");
  if (!rule.action.line.empty()) rule.action.active = table.boolean("active", true);
  rule.minimum_confidence = table.number("minimum_confidence", 0, 0, 1);
  rule.minimum_interval = read_milliseconds(table, "minimum_interval_ms", rule.minimum_interval);
  rule.interlock = table.text("interlock");
  if (rule.name.empty()) table.fault("a rule needs a 'name'");
  if (rule.when.empty()) table.fault("rule '" + rule.name + "' needs 'when': without it every answer would match");
  if (rule.action.line.empty() == rule.action.topic.empty())
    table.fault("rule '" + rule.name + "' needs either 'line' or 'topic'");
  for (const std::string& line : {rule.action.line, rule.interlock}) {
    if (!line.empty() && !config.lines.contains(line))
      table.fault("rule '" + rule.name + "' names no configured line: '" + line + "'");
  }
  return rule;
}

void read_roles(TomlTable& document, DaemonConfig& config) {
  document.each_text("roles", [&](const std::string& who, const std::string& name) {
    const auto role = parse_role(name);
    if (!role)
      document.fault_at(
          "roles", "role '" + name + "' of '" + who + "' must be one of viewer, requester, operator, deployer, root");
    if (!is_topic_id(who))
      document.fault_at("roles", "'" + who + "' is not a client's name: 1 to 63 of a-z, 0-9, '_' and '-'");
    if (role) config.roles.assign(who, *role);
  });
}

void read_queue(TomlTable table, DaemonConfig& config) {
  AdmissionLimits& limits = config.admission;
  const auto count = [&](std::string_view key, std::size_t otherwise) {
    return static_cast<std::size_t>(table.integer(key, static_cast<std::int64_t>(otherwise), 1, 65536));
  };
  limits.waiting = count("waiting", limits.waiting);
  limits.waiting_per_client = count("waiting_per_client", limits.waiting_per_client);
  limits.requests_per_second = table.number("requests_per_second", limits.requests_per_second, 0.001, 10000);
  limits.burst = table.number("burst", limits.burst, 1, 10000);
  table.finish();
}

// Figures that can be watched, with the limits of a device that nobody set up.
const std::vector<AlarmConfig>& default_alarms() {
  static const std::vector<AlarmConfig> kAlarms = {
      {"first_token_p99_ms", 500, 400, std::chrono::seconds(30)}, {"utilisation", 0.9, 0.8, std::chrono::seconds(60)},
      {"inconsistency", 0.15, 0.1, std::chrono::seconds(0)},      {"temperature_c", 85, 80, std::chrono::seconds(10)},
      {"storage_used", 0.95, 0.9, std::chrono::seconds(0)},       {"budget_used", 0.8, 0.7, std::chrono::seconds(30)},
  };
  return kAlarms;
}

std::string alarm_names(const std::vector<AlarmConfig>& alarms) {
  std::string list;
  for (const AlarmConfig& alarm : alarms) list += (list.empty() ? "" : ", ") + alarm.name;
  return list;
}

void read_alarms(TomlTable& document, DaemonConfig& config) {
  config.alarms = default_alarms();
  document.each_named("alarms", [&](const std::string& name, TomlTable& table) {
    const auto found =
        std::find_if(config.alarms.begin(), config.alarms.end(), [&](const auto& a) { return a.name == name; });
    if (found == config.alarms.end()) {
      for (const char* key : {"raise", "clear", "hold_s"}) (void)table.number(key, 0, -1e300, 1e300);
      return table.fault("there is no alarm '" + name + "'; accepted: " + alarm_names(config.alarms));
    }
    found->raise = table.number("raise", found->raise, 0, 1e9);
    found->clear = table.number("clear", std::min(found->clear, found->raise), 0, 1e9);
    found->hold = read_seconds(table, "hold_s", found->hold, 0);
    if (found->clear > found->raise) table.fault("alarm '" + name + "': 'clear' must not be over 'raise'");
  });
}

void read_telemetry(TomlTable table, DaemonConfig& config) {
  config.telemetry_period = read_seconds(table, "period_s", config.telemetry_period, 1);
  config.metrics_file = table.text("metrics_file");
  config.home_assistant = table.boolean("home_assistant");
  config.canaries = table.texts("canaries");
  config.canary_period = read_seconds(table, "canary_period_s", config.canary_period, 0);
  config.energy_budget_wh = table.number("energy_budget_wh", 0, 0, 1e6);
  config.tariff = table.number("tariff_per_kwh", 0, 0, 1e6);
  table.finish();
}

DaemonConfig read_config(const toml::table& tree, TomlFaults& faults) {
  DaemonConfig config;
  TomlTable document(&tree, "", faults);
  config.state_directory = document.text("state_directory", config.state_directory);
  config.plugin_directory = document.text("plugin_directory", LINNET_PLUGIN_DIRECTORY);
  config.board = document.text("board");
  config.stop_time = read_milliseconds(document, "stop_time_ms", config.stop_time);
  read_device(document.table("device"), config);
  read_mqtt(document.table("mqtt"), config);
  read_engine(document.table("engine"), config);
  read_queue(document.table("queue"), config);
  read_telemetry(document.table("telemetry"), config);
  read_models(document, config);
  read_lines(document, config);
  document.each("rules", [&](TomlTable& table) { config.rules.push_back(read_rule(table, config)); });
  read_roles(document, config);
  read_alarms(document, config);
  if (config.default_model.empty() && config.models.size() == 1) config.default_model = config.models.begin()->first;
  if (!config.default_model.empty() && !config.models.contains(config.default_model)) {
    document.fault_at("engine", "'engine.default_model' names no configured model: '" + config.default_model + "'");
  }
  document.finish();
  return config;
}

// Puts `addition` over `base`: tables are merged, everything else is replaced. Nodes are moved, for copies forget their
// lines.
void merge(toml::table& base, toml::table& addition) {
  for (auto&& [key, node] : addition) {
    toml::node* existing = base.get(key.str());
    if (existing != nullptr && existing->is_table() && node.is_table()) {
      merge(*existing->as_table(), *node.as_table());
    } else {
      base.insert_or_assign(key, std::move(node));
    }
  }
}

tl::expected<toml::table, std::string> parse_text(std::string_view text, std::string_view name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return tl::unexpected(std::string(name) + ":" + std::to_string(error.source().begin.line) + ": " +
                          std::string(error.description()));
  }
}

// Read and not mapped: an editor may cut the file meanwhile, and a fault in a mapping would be taken for the model's.
tl::expected<toml::table, std::string> parse_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  std::string text;
  std::array<char, 4096> part{};
  while (const auto count = file ? std::fread(part.data(), 1, part.size(), file.get()) : 0)
    text.append(part.data(), count);
  if (!file || std::ferror(file.get()) != 0) return tl::unexpected(path + ": " + std::strerror(errno));
  return parse_text(text, path);
}

std::vector<std::string> additions_beside(const std::string& path) {
  std::vector<std::string> files;
  std::error_code ignored;
  const auto folder = std::filesystem::path(path).parent_path() / "conf.d";
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

tl::expected<DaemonConfig, ConfigFaults> checked(const toml::table& tree, std::string_view name) {
  TomlFaults faults(name);
  DaemonConfig config = read_config(tree, faults);
  if (!faults.list().empty()) return tl::unexpected(std::move(faults.list()));
  return config;
}

}  // namespace

tl::expected<DaemonConfig, ConfigFaults> parse_config(std::string_view toml, std::string_view name) {
  const auto tree = parse_text(toml, name);
  if (!tree) return tl::unexpected(ConfigFaults{tree.error()});
  return checked(*tree, name);
}

tl::expected<DaemonConfig, ConfigFaults> load_config(const std::string& path) {
  auto tree = parse_file(path);
  if (!tree) return tl::unexpected(ConfigFaults{tree.error()});
  ConfigFaults broken;
  for (const std::string& addition : additions_beside(path)) {
    auto more = parse_file(addition);
    if (more) merge(*tree, *more);
    if (!more) broken.push_back(more.error());
  }
  if (!broken.empty()) return tl::unexpected(std::move(broken));
  return checked(*tree, path);
}

}  // namespace linnet::daemon
