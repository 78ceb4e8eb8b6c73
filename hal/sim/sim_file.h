// The TOML file of a simulated board, read and checked as a whole.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/board.h"
#include "hal/sim/sim_gpio.h"
#include "runtime/base/result.h"

namespace linnet::hal {

// What the sensors say from `at` on. A sensor that is not here is absent.
struct SimVitals {
  std::chrono::milliseconds at{0};
  std::optional<Bytes> memory_available;
  std::optional<Bytes> cgroup_limit;
  std::optional<Bytes> cgroup_usage;
  std::optional<Pressure> memory_pressure;
  std::optional<Pressure> cgroup_pressure;
  std::optional<CpuTime> cpu_time;
  std::optional<Traffic> network;
  std::map<std::string, MilliCelsius> temperatures;  // By zone.
  std::map<std::string, Milliwatts> rails;           // By rail.
  std::optional<Kilohertz> frequency;                // Of every core.
  std::optional<std::uint64_t> throttle_events;
};

struct SimFile {
  Facts facts;
  std::string record;  // The file that line changes are appended to, or empty.
  std::vector<SimLine> lines;
  std::vector<SimVitals> vitals;  // Ascending by `at`; may be empty.
  bool repeat = false;
};

// Errors: kMalformed, with the line where TOML itself is broken, else with the key.
[[nodiscard]] Result<SimFile> parse_sim_file(std::string_view toml, std::string_view name_for_errors);

}  // namespace linnet::hal
