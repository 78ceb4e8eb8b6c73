// Memory as the kernel accounts it: available, limited by control groups, under pressure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hal/board.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// A line of /proc/meminfo ("MemAvailable"), which is in KiB.
[[nodiscard]] std::optional<Bytes> meminfo_field(std::string_view meminfo, std::string_view field);

// A file of /proc/pressure. Absent fields of `full` (the CPU's on old kernels) are 0.
[[nodiscard]] std::optional<Pressure> parse_pressure(std::string_view text);

// The control group with the tightest memory limit on the way from this process's group to the top, v2 or v1.
struct MemoryGroup {
  SensorFile limit;
  SensorFile usage;
  SensorFile stat;
};

// What a group's memory.stat counts that the kernel cannot give back without swap: anonymous and shared memory, and
// (v2) the kernel's own. The rest of the usage is page cache, a model's weights above all.
[[nodiscard]] std::optional<Bytes> unreclaimable(std::string_view stat);

// Nothing where no group sets a limit. Reads `root`/proc/self/cgroup.
[[nodiscard]] std::optional<MemoryGroup> find_memory_group(const std::string& root);

}  // namespace linnet::hal
