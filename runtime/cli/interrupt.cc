#include "runtime/cli/interrupt.h"

#include <unistd.h>
#include <csignal>
#include <cstdlib>

#include "runtime/base/result.h"

namespace linnet::cli {
namespace {

// Somebody who presses Ctrl-C this often wants out, whatever is left behind.
constexpr int kPatience = 3;

std::atomic<bool> stop_requested = false;
std::atomic<int> signals_seen = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_stop_signal(int /*signal*/) {
  stop_requested.store(true, std::memory_order_relaxed);
  if (signals_seen.fetch_add(1, std::memory_order_relaxed) >= kPatience) _exit(exit_code(ErrorKind::kInterrupted));
}

}  // namespace

std::atomic<bool>& watch_for_interrupts() {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_stop_signal;  // Without SA_RESTART: a read from the terminal must return.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return stop_requested;
}

void forget_interrupts() {
  stop_requested.store(false, std::memory_order_relaxed);
  signals_seen.store(0, std::memory_order_relaxed);
}

}  // namespace linnet::cli
