// Signals as something to wait for: nothing runs in a handler.
#pragma once

#include <chrono>

namespace linnet::daemon {

// Blocks TERM, INT and HUP for the process and reads them from a descriptor; ignores PIPE. Make it before there are
// threads, which inherit the mask.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next signal, or 0 when `patience` passed without one.
  [[nodiscard]] int wait(std::chrono::milliseconds patience);

 private:
  int descriptor_ = -1;
};

}  // namespace linnet::daemon
