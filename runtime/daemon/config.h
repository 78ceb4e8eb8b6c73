// The daemon's configuration: one file and a folder of additions, read and checked as a whole.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/gpio.h"
#include "kernels/attention/cache_row.h"
#include "runtime/base/units.h"
#include "runtime/daemon/admission.h"
#include "runtime/daemon/mqtt_session.h"
#include "runtime/daemon/roles.h"
#include "runtime/daemon/topics.h"
#include "runtime/engine/device_choice.h"
#include "runtime/engine/memory_options.h"

namespace linnet::daemon {

// A model that may be loaded, by name.
struct ModelConfig {
  std::string path;
  std::size_t context = 0;              // 0: the model's own.
  std::chrono::seconds idle_unload{0};  // 0: never.
  bool load_at_start = false;
};

// A GPIO line that clients and rules may use.
struct LineConfig {
  hal::LineSettings settings;
  bool remote = false;  // Whether the `gpio` command may use it; rules always may.
};

// What a rule does when a model's answer matches it.
struct RuleAction {
  std::string line;  // A configured line, or
  std::optional<bool> active;
  std::string topic;  // an outgoing message.
  std::string payload;
};

// Maps a model's JSON answer to an action: every entry of `when` must equal the value at its path
// ("slots.house_place").
struct RuleConfig {
  std::string name;
  std::map<std::string, std::string> when;
  RuleAction action;
  double minimum_confidence = 0;
  std::chrono::milliseconds minimum_interval{0};  // Between two firings of this rule.
  std::string interlock;                          // A line that must be active, or empty.
};

struct AlarmConfig {
  std::string name;  // Of the figure: "first_token_p99_ms".
  double raise = 0;  // At or over this for `hold`, the alarm is raised;
  double clear = 0;  // at or under this it is cleared.
  std::chrono::seconds hold{0};
};

struct DaemonConfig {
  DeviceAddress address;
  std::string display_name;  // For people; the node's name where empty.
  MqttOptions mqtt;
  std::string password_file;  // Or a credential of systemd's; never the secret itself.
  std::string reply_prefix;
  std::string pool;  // Name of the shared subscription; empty: takes no pool work.
  std::vector<std::string> pool_models;
  std::string state_directory = "/var/lib/linnet";
  std::string plugin_directory;
  std::string board;         // "sim:FILE.toml", or empty for the machine.
  std::string metrics_file;  // Prometheus text for node_exporter's textfile collector; empty: none.
  std::chrono::seconds telemetry_period{30};
  std::chrono::milliseconds stop_time{10000};
  bool home_assistant = false;
  std::vector<std::string> canaries;  // Prompts that are asked again each `canary_period`.
  std::chrono::seconds canary_period{0};
  double energy_budget_wh = 0;  // Of the whole module in 24 hours; 0: none.
  double tariff = 0;            // Of a kilowatt hour; 0: costs are not told.
  std::size_t threads = 0;
  std::size_t at_once = 1;    // Answers that advance together; the KV cache has a context for each.
  std::size_t may_pause = 1;  // Answers that may be paused beside them, for more urgent ones.
  std::optional<Bytes> memory_budget;
  engine::DeviceChoice device = engine::DeviceChoice::kAuto;
  kernels::CacheFormat cache_format = kernels::CacheFormat::kF16;
  engine::MemoryOptions memory;
  bool governor = true;                    // Whether the worker pauses before the board slows down by itself.
  std::optional<Milliwatts> power_budget;  // Average of the whole board.
  AdmissionLimits admission;
  std::map<std::string, ModelConfig> models;
  std::string default_model;
  std::map<std::string, LineConfig> lines;
  std::vector<RuleConfig> rules;
  std::vector<AlarmConfig> alarms;
  RoleMap roles;
};

// One fault: "file:line: what, and what is accepted".
using ConfigFaults = std::vector<std::string>;

// The configuration, or every fault that was found (never an empty list).
[[nodiscard]] tl::expected<DaemonConfig, ConfigFaults> parse_config(std::string_view toml, std::string_view name);

// `path`, then each *.toml of the folder `conf.d` beside it, in order of their names; a later file's keys replace an
// earlier one's.
[[nodiscard]] tl::expected<DaemonConfig, ConfigFaults> load_config(const std::string& path);

}  // namespace linnet::daemon
