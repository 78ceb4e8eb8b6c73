#include "runtime/cli/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "runtime/base/result.h"

namespace linnet::cli {
namespace {

// Somebody who presses Ctrl-C this often wants out, whatever is left behind.
constexpr int kPatience = 3;

std::atomic<bool> stop_requested = false;
std::atomic<int> signals_seen = 0;
std::atomic<int> wake_descriptor = -1;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_stop_signal(int /*signal*/) {
  const int interrupted_errno = errno;
  stop_requested.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_descriptor.load(std::memory_order_relaxed), &one, sizeof one);
  errno = interrupted_errno;
  if (signals_seen.fetch_add(1, std::memory_order_relaxed) >= kPatience) _exit(exit_code(ErrorKind::kInterrupted));
}

}  // namespace

StopRequest watch_for_interrupts() {
  wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;  // Whoever waits for input polls the descriptor too.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Errors like any other: a write to a closed pipe, a file beyond the limit of its size.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return {stop_requested, wake_descriptor};
}

void forget_interrupts() {
  stop_requested.store(false, std::memory_order_relaxed);
  signals_seen.store(0, std::memory_order_relaxed);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_descriptor, &count, sizeof count);
}

}  // namespace linnet::cli
