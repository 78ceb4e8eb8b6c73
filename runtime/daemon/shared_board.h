// The board for several threads: one samples at a time.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "hal/board.h"
#include "runtime/base/result.h"
#include "runtime/language/machine.h"

namespace linnet::daemon {

class SharedBoard {
 public:
  // `choice` is "sim:FILE.toml", or empty for the machine itself, whose lines come through the plug-in found in
  // `plugin_directory`. A machine without lines is a board without lines, not an error. Errors: those of
  // SimBoard::load; kUsage (another form of `choice`).
  [[nodiscard]] static Result<std::unique_ptr<SharedBoard>> open(const std::string& choice,
                                                                 const std::string& plugin_directory);

  [[nodiscard]] const hal::Facts& facts() const { return board_->facts(); }
  [[nodiscard]] hal::Gpio* gpio() { return board_->gpio(); }
  [[nodiscard]] hal::Vitals sample();

  // Drivers load late: what has appeared since is read from now on. For the thread that reads facts() alone.
  void look_for_sensors();

  // What it offers a model. The instruction sets are always this processor's own.
  [[nodiscard]] Result<language::Machine> machine();

 private:
  explicit SharedBoard(std::unique_ptr<hal::Board> board) : board_(std::move(board)) {}

  std::mutex mutex_;
  std::unique_ptr<hal::Board> board_;
};

}  // namespace linnet::daemon
