// Where the broker is and who asks: from options, else the environment, else a file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/cli/ctl/options.h"
#include "runtime/mqtt/session.h"
#include "runtime/mqtt/topics.h"

namespace linnet::cli::ctl {

// One connection setting: `--name`, LINNET_CTL_NAME, `name` in the file.
struct SettingRow {
  std::string_view name;
  std::string_view type;  // As the help page shows it.
  std::string_view text;
};

[[nodiscard]] std::span<const SettingRow> setting_rows();

struct Endpoint {
  mqtt::Options mqtt;
  mqtt::DeviceAddress device;  // The node may be empty where a pool is asked.
  std::string who;             // The name that the broker knows this client by.
};

// Reads one file of settings (TOML, top-level keys). Errors: kUsage with the line, kAbsent, kIo.
[[nodiscard]] Result<Settings> read_settings_file(const std::string& path);

// Puts `options.settings` over the environment over the file. Errors: kUsage, those of the files.
[[nodiscard]] Result<Endpoint> resolve_endpoint(const CtlOptions& options);

}  // namespace linnet::cli::ctl
