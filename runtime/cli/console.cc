#include "runtime/cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace linnet::cli {
namespace {

constexpr std::size_t kMaximumInput = std::size_t{64} << 20;

// Writes all of `text`, or returns the errno that stopped it; 0 where all was written.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Console::Console(const StopRequest& stop)
    : stop_(stop),
      output_is_terminal_(isatty(STDOUT_FILENO) == 1),
      error_is_terminal_(isatty(STDERR_FILENO) == 1),
      input_is_terminal_(isatty(STDIN_FILENO) == 1) {}

Result<void> Console::print(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return {};
  reader_gone_ = error == EPIPE;
  return fail(error == ENOSPC || error == EFBIG ? ErrorKind::kExhausted : ErrorKind::kIo,
              "standard output: " + std::string(std::strerror(error)));
}

void Console::note(std::string_view line) const { write_all(STDERR_FILENO, std::string(line) + "\n"); }

void Console::draw(std::string_view text) const { write_all(STDERR_FILENO, text); }

Result<bool> Console::read_more(std::string& buffer) const {
  std::array<pollfd, 2> waiting = {{{STDIN_FILENO, POLLIN, 0}, {stop_.descriptor, POLLIN, 0}}};
  while (poll(waiting.data(), waiting.size(), -1) < 0 && errno == EINTR) {
  }
  if (stop_requested()) return interrupted();
  std::array<char, 65536> chunk;
  const ssize_t count = read(STDIN_FILENO, chunk.data(), chunk.size());
  if (count < 0) return fail(ErrorKind::kIo, "standard input: " + std::string(std::strerror(errno)));
  buffer.append(chunk.data(), static_cast<std::size_t>(count));
  return count > 0;
}

Result<std::string> Console::read_input() const {
  std::string input;
  for (bool more = true; more;) {
    LINNET_TRY(more, read_more(input));
    if (input.size() > kMaximumInput) return fail(ErrorKind::kUsage, "standard input: more than 64 MiB of text");
  }
  return input;
}

Result<std::optional<std::string>> Console::read_line() {
  std::size_t searched = 0;
  for (;;) {
    const auto newline = pending_input_.find('\n', searched);
    if (newline != std::string::npos) {
      std::optional<std::string> line(pending_input_.substr(0, newline));
      pending_input_.erase(0, newline + 1);
      return line;
    }
    searched = pending_input_.size();
    LINNET_TRY(const bool more, read_more(pending_input_));
    if (more) continue;
    if (pending_input_.empty()) return std::optional<std::string>();
    return std::optional<std::string>(std::move(pending_input_));
  }
}

void occupy_closed_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) != -1) continue;
    // open() takes the lowest free number, which is this one.
    [[maybe_unused]] const int opened = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

tl::unexpected<Error> interrupted() { return fail(ErrorKind::kInterrupted, "interrupted"); }

}  // namespace linnet::cli
