#include "runtime/cli/ctl/client_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <toml++/toml.h>

#include "runtime/base/mapped_file.h"

namespace linnet::cli::ctl {
namespace {

constexpr std::array kSettings = {
    SettingRow{"host", "NAME", "The broker (default localhost)"},
    SettingRow{"port", "N", "Its port (default 1883, with --ca 8883)"},
    SettingRow{"ca", "FILE", "Connects with TLS: the authority that signed the broker's certificate"},
    SettingRow{"certificate", "FILE", "This client's certificate"},
    SettingRow{"key", "FILE", "Its private key"},
    SettingRow{"username", "NAME", "User name, where the broker wants one"},
    SettingRow{"password-file", "FILE", "Its password: the first line of FILE"},
    SettingRow{"who", "NAME",
               "The name in topics that the broker's rules tie to this client\n(default: the user name, "
               "else the certificate's file name, else the login)"},
    SettingRow{"root", "NAME", "First level of every topic (default linnet)"},
    SettingRow{"group", "NAME", "The device's group (default default)"},
    SettingRow{"node", "NAME", "The device"},
};
constexpr std::size_t kLongestPassword = 4096;

std::string environment_name(std::string_view setting) {
  std::string name = "LINNET_CTL_";
  for (const char c : setting) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string known_keys() {
  std::string list;
  for (const SettingRow& row : kSettings) list.append(list.empty() ? "" : ", ").append(row.name);
  return list;
}

// `key = "text"` or `port = 1883`; file names are taken from the file's own folder.
Result<std::string> value_of(const toml::key& key, const toml::node& node, const std::string& place) {
  const bool known = std::ranges::find(kSettings, key.str(), &SettingRow::name) != kSettings.end();
  if (!known) {
    return fail(ErrorKind::kUsage, place + "unknown key '" + std::string(key.str()) + "'; known are " + known_keys());
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  return fail(ErrorKind::kUsage, place + "'" + std::string(key.str()) + "' must be a text in quotes or a whole number");
}

std::string own_config_file() {
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  const char* const home = std::getenv("HOME");
  if (config != nullptr && *config != '\0') return std::string(config) + "/linnet/ctl.toml";
  return home == nullptr ? std::string() : std::string(home) + "/.config/linnet/ctl.toml";
}

Result<Settings> file_settings(const CtlOptions& options) {
  if (!options.config.empty()) return read_settings_file(options.config);
  const std::string own = own_config_file();
  std::error_code ignored;
  if (own.empty() || !std::filesystem::exists(own, ignored)) return Settings{};
  return read_settings_file(own);
}

Result<int> parse_port(const std::string& text) {
  int port = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (status == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535) return port;
  return fail(ErrorKind::kUsage, "port '" + text + "' is not a number from 1 to 65535");
}

// From a file, so that it stands neither in the list of processes nor in a shell's history.
Result<std::string> read_password(const std::string& path) {
  if (path.empty()) return std::string();
  LINNET_TRY(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLongestPassword));
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

std::string default_who(const Settings& settings) {
  const auto text = [&](std::string_view name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string() : found->second;
  };
  if (!text("username").empty()) return text("username");
  if (!text("certificate").empty()) return std::filesystem::path(text("certificate")).stem().string();
  const char* const login = std::getenv("USER");
  return login == nullptr ? "ctl" : login;
}

// Unique, or the broker would end the connection of an earlier client of that name.
std::string fresh_client_id(const std::string& who) {
  std::random_device random;
  return "linnet-ctl-" + who + "-" + std::to_string(getpid()) + "-" + std::to_string(random());
}

Result<void> check_names(const Endpoint& endpoint) {
  mqtt::DeviceAddress address = endpoint.device;
  if (address.node.empty()) address.node = "any";
  LINNET_CHECK(mqtt::check_address(address));
  if (mqtt::is_topic_id(endpoint.who)) return {};
  return fail(
      ErrorKind::kUsage,
      "'" + endpoint.who + "' cannot be a client's name in topics (1 to 63 of a-z, 0-9, '_' and '-'); give --who");
}

}  // namespace

std::span<const SettingRow> setting_rows() { return kSettings; }

Result<Settings> read_settings_file(const std::string& path) {
  LINNET_TRY(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  Settings settings;
  try {
    const toml::table table =
        toml::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), path);
    for (const auto& [key, node] : table) {
      LINNET_TRY(auto value, value_of(key, node, path + ":" + std::to_string(key.source().begin.line) + ": "));
      settings[std::string(key.str())] = std::move(value);
    }
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::kUsage,
                path + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
  const auto folder = std::filesystem::path(path).parent_path();
  for (const std::string_view name : {"ca", "certificate", "key", "password-file"}) {
    const auto found = settings.find(name);
    if (found != settings.end()) found->second = (folder / found->second).string();
  }
  return settings;
}

Result<Endpoint> resolve_endpoint(const CtlOptions& options) {
  LINNET_TRY(Settings settings, file_settings(options));
  for (const SettingRow& row : kSettings) {
    const char* const value = std::getenv(environment_name(row.name).c_str());
    if (value != nullptr && *value != '\0') settings[std::string(row.name)] = value;
  }
  for (const auto& [name, value] : options.settings) settings[name] = value;
  const auto take = [&](std::string_view name, const std::string& otherwise = {}) {
    const auto found = settings.find(name);
    return found == settings.end() ? otherwise : found->second;
  };
  Endpoint endpoint;
  endpoint.mqtt.host = take("host", "localhost");
  const bool tls = settings.contains("ca");
  LINNET_TRY(endpoint.mqtt.port, parse_port(take("port", tls ? "8883" : "1883")));
  if (tls) endpoint.mqtt.tls = mqtt::Tls{take("ca"), take("certificate"), take("key")};
  if (take("certificate").empty() != take("key").empty() || (!tls && settings.contains("certificate"))) {
    return fail(ErrorKind::kUsage, "--certificate, --key and --ca belong together");
  }
  endpoint.mqtt.username = take("username");
  LINNET_TRY(endpoint.mqtt.password, read_password(take("password-file")));
  endpoint.who = take("who", default_who(settings));
  endpoint.device = {take("root", "linnet"), take("group", "default"), take("node")};
  endpoint.mqtt.client_id = fresh_client_id(endpoint.who);
  endpoint.mqtt.persistent = false;
  endpoint.mqtt.first_backoff = std::chrono::milliseconds(200);
  endpoint.mqtt.longest_backoff = std::chrono::milliseconds(5000);
  LINNET_CHECK(check_names(endpoint));
  return endpoint;
}

}  // namespace linnet::cli::ctl
