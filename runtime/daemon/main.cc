// `linnetd`: reads the command line and the configuration, runs the daemon until a signal ends it.
#include <systemd/sd-daemon.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "runtime/daemon/bus_guard.h"
#include "runtime/daemon/caught.h"
#include "runtime/daemon/command_line.h"
#include "runtime/daemon/config_files.h"
#include "runtime/daemon/daemon.h"
#include "runtime/daemon/log.h"
#include "runtime/daemon/signals.h"

namespace linnet::daemon {
namespace {

constexpr std::chrono::milliseconds kTick{200};

// sd_notify(3); without systemd it does nothing.
void notify(const char* state) { (void)sd_notify(0, state); }

// A configuration with faults changes nothing.
void reload(Daemon& daemon, const std::string& path) {
  notify("RELOADING=1");
  auto config = load_config(path);
  if (config) {
    daemon.reload(*config);
  } else {
    for (const std::string& fault : config.error()) log(LogLevel::kError, "not reloaded: " + fault);
  }
  notify("READY=1");
}

void run_until_told(Daemon& daemon, Signals& signals, const std::string& path) {
  while (true) {
    const auto signal = signals.wait(kTick);
    if (signal == SIGTERM || signal == SIGINT) return;
    try {
      if (signal == SIGHUP) reload(daemon, path);
      daemon.tick();
    } catch (...) {
      log(LogLevel::kError, caught().words());
    }
    if (daemon.progresses()) notify("WATCHDOG=1");
  }
}

Result<void> serve(DaemonConfig config, const std::string& path) {
  const MqttLibrary library;
  Signals signals;  // Before there are threads, which inherit the mask.
  LINNET_CHECK(install_bus_guard());
  LINNET_TRY(const auto daemon, Daemon::create(std::move(config)));
  daemon->start();
  notify("READY=1");
  run_until_told(*daemon, signals, path);
  notify("STOPPING=1");
  daemon->stop();
  return {};
}

int run(int count, char** values) {
  const CommandLine line = parse_command_line(count, values);
  if (line.exit_code) return *line.exit_code;
  auto config = load_config(line.config);
  if (!config) {
    for (const std::string& fault : config.error()) std::cerr << fault << '\n';
    return exit_code(ErrorKind::kUsage);
  }
  if (!line.board.empty()) config->board = line.board;
  if (line.check_only) {
    for (const std::string& warning : unreadable_files(*config)) std::cout << "warning: " << warning << '\n';
    std::cout << line.config << ": no faults\n";
    return 0;
  }
  const auto served = serve(*std::move(config), line.config);
  if (!served) log(LogLevel::kError, served.error().message);
  return served ? 0 : exit_code(served.error().kind);
}

}  // namespace
}  // namespace linnet::daemon

int main(int count, char** values) {
  try {
    return linnet::daemon::run(count, values);
  } catch (const std::exception& error) {
    linnet::daemon::log(linnet::daemon::LogLevel::kError, error.what());
    return linnet::exit_code(linnet::ErrorKind::kIo);
  }
}
