#include "runtime/daemon/shared_board.h"

#include "hal/cpu.h"
#include "hal/linux/gpio_plugin.h"
#include "hal/linux/linux_board.h"
#include "hal/sim/sim_board.h"
#include "runtime/daemon/log.h"

namespace linnet::daemon {
namespace {

constexpr std::string_view kSimulated = "sim:";

Result<std::unique_ptr<hal::Board>> open_simulated(const std::string& path) {
  LINNET_TRY(auto board, hal::SimBoard::load(path));
  board->on_line_change([](const hal::LineChange& change) {
    const std::string state = change.active ? "active" : "inactive";
    log(LogLevel::kInfo, "simulated line " + change.line + " is " + state + (change.released ? " (released)" : ""));
  });
  return board;
}

}  // namespace

Result<std::unique_ptr<SharedBoard>> SharedBoard::open(const std::string& choice, const std::string& plugin_directory) {
  std::unique_ptr<hal::Board> board;
  if (choice.starts_with(kSimulated)) {
    LINNET_TRY(board, open_simulated(choice.substr(kSimulated.size())));
  } else if (!choice.empty()) {
    return fail(ErrorKind::kUsage, "board '" + choice + "' must be sim:FILE.toml, or absent for this machine");
  } else {
    auto gpio = hal::open_gpio(plugin_directory);
    if (!gpio) log(LogLevel::kInfo, "no GPIO: " + gpio.error().message);
    auto lines = gpio ? std::move(*gpio) : nullptr;
    board = hal::make_linux_board({.root = "", .cpu = hal::detect_cpu_features(), .gpio = std::move(lines)});
  }
  return std::unique_ptr<SharedBoard>(new SharedBoard(std::move(board)));
}

hal::Vitals SharedBoard::sample() {
  const std::lock_guard lock(mutex_);
  hal::Vitals vitals = board_->empty_vitals();
  board_->sample(vitals);
  return vitals;
}

void SharedBoard::look_for_sensors() {
  const std::lock_guard lock(mutex_);
  if (board_->look_for_sensors()) log(LogLevel::kNotice, "the board has other sensors than before");
}

Result<language::Machine> SharedBoard::machine() { return language::machine_with(sample()); }

}  // namespace linnet::daemon
