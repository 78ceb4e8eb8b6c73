// A board that exists only in a TOML file: plays back vitals and failures, records what is done to its lines.
//
//   name = "Bench board"
//   record = "FILE"  # optional: each thing done to a line is appended: "NAME active", "NAME inactive", "NAME released"
//   [facts]          # also: max_frequency_khz, capacity, cpu = ["dotprod"], accelerators
//   cores = 4
//   memory = "4G"
//   zones = [{ name = "cpu-thermal", passive = 80000, critical = 95000 }]
//   rails = [{ name = "VDD_IN", whole_module = true }]
//   [[line]]
//   name = "BEDROOM_LIGHT"
//   fail = "busy"    # optional: requests fail so (busy, denied, io)
//   [[edge]]         # optional: an input changes at a time after start
//   line = "DOOR"
//   at_ms = 1500
//   active = true
//   [[vitals]]       # from `at_ms` on, until the next; a sensor not named is absent from then on
//   at_ms = 0
//   memory_available = "2G"
//   temperatures = { cpu-thermal = 45000 }
//   rails = { VDD_IN = 5200 }
//   repeat = false   # on the last: start over
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hal/board.h"

namespace linnet::hal {

// One thing done to a line, for tests and demonstrations to look at.
struct LineChange {
  std::chrono::milliseconds time;  // Since the board was made.
  std::string line;
  bool active = false;
  bool released = false;  // The request ended; the line is in its safe state.
};

class SimBoard : public Board {
 public:
  // Errors: kAbsent, kIo, kMalformed (with the file's line).
  [[nodiscard]] static Result<std::unique_ptr<SimBoard>> load(const std::string& path);
  [[nodiscard]] static Result<std::unique_ptr<SimBoard>> parse(std::string_view toml, std::string_view name_for_errors);

  // Everything that was done to the lines so far, in order. Thread-safe.
  [[nodiscard]] virtual std::vector<LineChange> line_changes() const = 0;

  // Called for each change as it happens, on the thread that makes it.
  virtual void on_line_change(std::function<void(const LineChange&)> listener) = 0;
};

}  // namespace linnet::hal
