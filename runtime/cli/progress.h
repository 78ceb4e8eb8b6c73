// A progress bar on the terminal's error stream; silent where that is no terminal.
#pragma once

#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"
#include "runtime/cli/console.h"

namespace linnet::cli {

// One line, redrawn at most ten times a second and wiped at the end: "packing [=====>    ] 52 %  310 MiB/s  4 s left".
class ProgressBar {
 public:
  // Borrows the console.
  ProgressBar(const Console& console, std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(Bytes done, Bytes total);

 private:
  const Console& console_;
  std::string label_;
  Clock::time_point started_;
  Clock::time_point drawn_;
  bool visible_ = false;
};

// The bar's text without the control codes around it, for `seconds` since the start.
[[nodiscard]] std::string progress_text(const std::string& label, Bytes done, Bytes total, double seconds);

}  // namespace linnet::cli
