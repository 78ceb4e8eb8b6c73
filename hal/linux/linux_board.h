// The board this process runs on, or a recorded one: every path is read under a given root.
#pragma once

#include <memory>
#include <string>

#include "hal/board.h"

namespace linnet::hal {

struct LinuxBoardOptions {
  std::string root;            // "" for the machine itself, else a recorded tree.
  CpuFeatures cpu;             // From detect_cpu_features(), or what a recorded board is said to have.
  std::unique_ptr<Gpio> gpio;  // Null where there is none.
};

// Reads the facts and finds the sensors. Never fails: a board that tells nothing has a name "unknown" and one core.
[[nodiscard]] std::unique_ptr<Board> make_linux_board(LinuxBoardOptions options);

}  // namespace linnet::hal
