// Lines for the system's journal: one a fact, on standard error, with the priority that journald reads.
#pragma once

#include <string_view>

namespace linnet::daemon {

enum class LogLevel : unsigned char { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

// Thread-safe: one write(2) a line. Control characters are shown as '?': a client's text cannot forge a line. Where the
// stream is connected to journald (JOURNAL_STREAM), the line begins with its "<priority>" (sd-daemon(3)).
// Without memory a line says that alone. Throws nothing.
void log(LogLevel level, std::string_view text) noexcept;

}  // namespace linnet::daemon
