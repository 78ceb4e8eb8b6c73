#include "runtime/daemon/log.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace linnet::daemon {

void log(LogLevel level, std::string_view text) {
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line;
  line.reserve(text.size() + 16);
  if (to_journal) line.append("<").append(std::to_string(static_cast<int>(level))).append(">");
  line.append("linnetd: ");
  for (const char c : text) line.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
  line.push_back('\n');
  // Where standard error is closed there is nobody to tell.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace linnet::daemon
