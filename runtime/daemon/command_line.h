// linnetd's command line.
#pragma once

#include <optional>
#include <string>

namespace linnet::daemon {

struct CommandLine {
  std::string config = "/etc/linnet/linnetd.toml";
  std::string board;  // Instead of the configuration's.
  bool check_only = false;
  std::optional<int> exit_code;  // Everything is said: help, version, or what was wrong.
};

[[nodiscard]] CommandLine parse_command_line(int count, const char* const* values);

}  // namespace linnet::daemon
