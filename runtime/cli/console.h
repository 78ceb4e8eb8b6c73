// The process's standard streams and its stop request: made by main, passed to every command.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/cli/interrupt.h"

namespace linnet::cli {

// Writes with write(2), so that a streamed token is seen at once and no error is lost in a buffer. One thread.
class Console {
 public:
  // `stop` is made when the person asks to stop; it outlives the console.
  explicit Console(const StopRequest& stop);

  // Writes to standard output. Errors: kIo, kExhausted (disk full). A reader that has gone (`linnet … | head`) is kIo
  // and makes reader_gone() true: the program then ends without a line.
  [[nodiscard]] Result<void> print(std::string_view text);

  // Writes one line to standard error. Where that is closed, there is nobody to tell.
  void note(std::string_view line) const;

  // Writes raw text to standard error: for the progress bar, which redraws its line.
  void draw(std::string_view text) const;

  // The whole of standard input. Errors: kIo, kInterrupted, kUsage (over 64 MiB).
  [[nodiscard]] Result<std::string> read_input() const;

  // One line of standard input without its newline; nothing at its end. Errors: kIo, kInterrupted.
  [[nodiscard]] Result<std::optional<std::string>> read_line();

  [[nodiscard]] bool stop_requested() const { return stop_.requested.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_.requested; }
  [[nodiscard]] const StopRequest& stop_source() const { return stop_; }
  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  [[nodiscard]] bool output_is_terminal() const { return output_is_terminal_; }
  [[nodiscard]] bool error_is_terminal() const { return error_is_terminal_; }
  [[nodiscard]] bool input_is_terminal() const { return input_is_terminal_; }

 private:
  // Waits for input, appends it to `buffer`; false at the end of the input. Errors: kIo, kInterrupted.
  [[nodiscard]] Result<bool> read_more(std::string& buffer) const;

  StopRequest stop_;
  std::string pending_input_;  // Read past the last line that was given out.
  bool reader_gone_ = false;
  bool output_is_terminal_ = false;
  bool error_is_terminal_ = false;
  bool input_is_terminal_ = false;
};

// Opens /dev/null on standard streams that were closed at the start, the wrong way round: else the first file opened
// would become "standard output", and what is printed would end up in it. Reads and writes then fail as they should.
void occupy_closed_streams();

// The error of a command that was asked to stop: kInterrupted.
[[nodiscard]] tl::unexpected<Error> interrupted();

}  // namespace linnet::cli
