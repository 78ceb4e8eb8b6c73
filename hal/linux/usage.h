// What the board has done since boot: processor time and network traffic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/board.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// The first line of /proc/stat (proc_stat(5)). Time in which a core waited for a disk is not busy; time that a
// hypervisor took away is neither busy nor in the total.
[[nodiscard]] std::optional<CpuTime> parse_cpu_time(std::string_view stat);

// The byte counters of one interface.
struct InterfaceSensor {
  SensorFile received;
  SensorFile sent;
};

// Interfaces that are devices: neither the loopback nor bridges and tunnels, whose bytes pass a device too.
[[nodiscard]] std::vector<InterfaceSensor> find_interfaces(const std::string& root);

}  // namespace linnet::hal
