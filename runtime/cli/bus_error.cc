#include "runtime/cli/bus_error.h"

#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>

#include "runtime/base/result.h"

namespace linnet::cli {
namespace {

// A plain buffer: a signal handler may not allocate. It is set while no mapping is read.
std::array<char, PATH_MAX> mapped_file{};
std::atomic_flag told = ATOMIC_FLAG_INIT;  // Threads that share a product may all read what is gone.

void say(const char* text) {
  // Nothing can be done about a failure here.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  if (info->si_code != BUS_ADRERR) {
    std::signal(signal, SIG_DFL);
    raise(signal);
    return;
  }
  while (told.test_and_set()) pause();  // Until the thread that tells ends the process.
  say("linnet: ");
  say(mapped_file[0] != '\0' ? mapped_file.data() : "a mapped file");
  say(": became shorter or unreadable while it was in use; let its download or copy finish, then start again\n");
  _exit(exit_code(ErrorKind::kIo));
}

}  // namespace

void answer_bus_errors() {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

void name_mapped_file(std::string_view path) {
  const std::size_t length = std::min(path.size(), mapped_file.size() - 1);
  std::copy_n(path.data(), length, mapped_file.data());
  mapped_file[length] = '\0';
}

}  // namespace linnet::cli
