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
  SensorFile pressure;  // Absent in v1.
};

// What a group's memory.stat counts that the kernel can give back: page cache that is neither shared memory nor locked,
// a model's weights above all, and (v2) slabs. The rest of the usage is anonymous and shared memory and the kernel's
// own.
[[nodiscard]] std::optional<Bytes> reclaimable(std::string_view stat);

// Nothing where no group sets a limit. Reads `root`/proc/self/cgroup.
[[nodiscard]] std::optional<MemoryGroup> find_memory_group(const std::string& root);

}  // namespace linnet::hal
