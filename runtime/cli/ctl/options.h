// What was asked of `linnet ctl`: where the broker is, and one plain struct an action.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace linnet::cli::ctl {

// Connection settings that were given, by name ("host", "node", …: client_config.h has the list).
using Settings = std::map<std::string, std::string, std::less<>>;

struct InferAction {
  std::optional<std::string> prompt;  // Absent: standard input.
  std::string system;
  std::string model;  // A name of the device's configuration; empty: the loaded one or the default.
  std::string pool;   // The pool's model; empty: the node itself.
  std::string id;     // Empty: a new one.
  std::optional<std::uint32_t> max_tokens;
  std::optional<double> temperature, top_p, min_p, repeat_penalty;
  std::optional<std::uint32_t> top_k;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::string response;               // "text", "json" or empty.
  std::optional<std::string> schema;  // A file.
  std::string reasoning;              // "show", "hide", "off" or empty.
  std::optional<std::uint32_t> max_reasoning_tokens;
  std::string priority;  // "low", "normal", "high" or empty.
  bool durable = false;
  bool stream = true;
  std::optional<double> deadline_s;
};

// `status`, `models`, `audit`: read and print.
struct InspectAction {
  std::string operation;
};

struct CancelAction {
  std::string id;
};

struct ReplayAction {
  std::string id;
};

// `load`, `unload`, `swap`.
struct ModelAction {
  std::string operation;
  std::string model;
};

struct GpioAction {
  std::string line;
  std::optional<bool> active;  // Absent: read it.
};

struct WatchAction {
  std::vector<std::string> nodes;  // None: the endpoint's, and where that names none, all of its group.
  bool fleet = false;              // All of the group even where a node is named.
  double period_s = 1;
  std::uint64_t count = 0;  // Snapshots; 0: until interrupted.
  bool plain = false;       // Lines, even on a terminal.
};

// Makes an authority, a broker's certificate and clients' for trying things out.
struct KeysAction {
  std::string folder;
  std::vector<std::string> brokers = {"localhost", "127.0.0.1"};  // Names and addresses.
  std::vector<std::string> names;                                 // Of nodes and clients.
  std::uint32_t days = 30;
};

using Action = std::variant<InferAction, InspectAction, CancelAction, ReplayAction, ModelAction, GpioAction,
                            WatchAction, KeysAction>;

}  // namespace linnet::cli::ctl

namespace linnet::cli {

struct CtlOptions {
  ctl::Action action;
  ctl::Settings settings;
  std::string config;                           // A file of settings; empty: the person's own, where there is one.
  std::chrono::milliseconds accept_time{5000};  // Asked again when nobody accepted within this.
  std::optional<double> timeout_s;              // For the whole; absent: what suits the action.
  bool json = false;
};

}  // namespace linnet::cli
