// A progress bar on the terminal's error stream; silent where that is no terminal.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"
#include "runtime/cli/console.h"

namespace linnet::cli {

// What is counted.
enum class ProgressUnit : unsigned char { kBytes, kItems };

// One line, redrawn at most ten times a second and wiped at the end: "packing [=====>    ] 52 %  310 MiB/s  4 s left".
class ProgressBar {
 public:
  // Borrows the console.
  ProgressBar(const Console& console, std::string label, ProgressUnit unit = ProgressUnit::kBytes);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::uint64_t done, std::uint64_t total);

 private:
  const Console& console_;
  std::string label_;
  ProgressUnit unit_;
  Clock::time_point started_;
  Clock::time_point drawn_;
  bool visible_ = false;
};

// The bar's text without the control codes around it, for `seconds` since the start.
[[nodiscard]] std::string progress_text(const std::string& label, ProgressUnit unit, std::uint64_t done,
                                        std::uint64_t total, double seconds);

}  // namespace linnet::cli
