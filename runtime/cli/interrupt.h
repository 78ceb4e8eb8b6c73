// Ctrl-C and SIGTERM as a flag that long work polls, so that everything ends tidily.
#pragma once

#include <atomic>

namespace linnet::cli {

// A request to stop: a flag to poll while working, a descriptor that becomes readable for whoever waits in poll(2) (a
// signal may arrive on any thread, so it need not interrupt the one that waits).
struct StopRequest {
  const std::atomic<bool>& requested;
  int descriptor;
};

// From now on SIGINT and SIGTERM make the returned request instead of ending the process; the fourth one ends it at
// once with 130. SIGPIPE and SIGXFSZ are ignored: the write that caused them fails. The request is the process's,
// because a signal handler reaches nothing else.
[[nodiscard]] StopRequest watch_for_interrupts();

// Forgets the signals so far: `linnet chat` goes on after an answer was stopped.
void forget_interrupts();

}  // namespace linnet::cli
