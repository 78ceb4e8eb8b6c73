#include "runtime/daemon/log.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace linnet::daemon {

namespace {

// Where standard error is closed there is nobody to tell.
void write_line(std::string_view line) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

std::string line_of(LogLevel level, std::string_view text) {
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line;
  line.reserve(text.size() + 16);
  if (to_journal) line.append("<").append(std::to_string(static_cast<int>(level))).append(">");
  line.append("linnetd: ");
  for (const char c : text) line.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
  line.push_back('\n');
  return line;
}

}  // namespace

void log(LogLevel level, std::string_view text) noexcept {
  try {
    write_line(line_of(level, text));
  } catch (...) {
    write_line("linnetd: a line could not be written: no memory\n");
  }
}

}  // namespace linnet::daemon
