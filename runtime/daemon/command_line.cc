#include "runtime/daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "runtime/base/result.h"
#include "runtime/daemon/fail_point.h"

namespace linnet::daemon {

CommandLine parse_command_line(int count, const char* const* values) {
  CommandLine line;
  CLI::App app("linnetd: serves language models over MQTT", "linnetd");
  app.set_version_flag("--version", "linnetd " LINNET_VERSION);
  app.add_option("-c,--config", line.config, "The configuration; *.toml of conf.d beside it are added")
      ->capture_default_str();
  app.add_flag("--check", line.check_only, "Check the configuration, tell every fault, exit");
  app.add_option("--board", line.board, "sim:FILE.toml plays a board instead of this machine");
  app.add_flag_callback(
      "--list-fail-points",
      [&line] {
        std::cout << fail_point_names();
        line.exit_code = 0;
      },
      "Names the places at which LINNET_FAIL_POINT=NAME[:N] ends the daemon, for tests");
  app.footer("Exit codes: 0 ended on a signal, 2 usage or configuration, 4 does not fit, 5 I/O, 6 refused.");
  try {
    app.parse(count, values);
  } catch (const CLI::Success& success) {
    line.exit_code = app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "linnetd: " << error.what() << " (see linnetd --help)\n";
    line.exit_code = exit_code(ErrorKind::kUsage);
  }
  return line;
}

}  // namespace linnet::daemon
