// A terminal's other screen, redrawn as a whole.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/ctl/screen_text.h"

namespace linnet::cli::ctl {

// While it lives; then what was there before comes back. Borrows the console.
class FullScreen {
 public:
  explicit FullScreen(Console& console);
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
  ~FullScreen();

  // Shows what `picture` makes of the terminal's size of now: at most so many lines of at most so many characters.
  Result<void> show(FunctionRef<std::vector<ScreenLine>(std::size_t columns, std::size_t rows)> picture);

 private:
  Console& console_;
};

}  // namespace linnet::cli::ctl
