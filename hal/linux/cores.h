// Cores as sysfs lists them, and their current frequencies.
#pragma once

#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// Online cores under `root`, ascending by number.
[[nodiscard]] std::vector<Core> read_cores(const std::string& root);

// The facts that a placement of threads needs, and no others: cores and quota.
[[nodiscard]] Facts read_core_facts(const std::string& root);

// The file that tells a core's current frequency in kHz, one a core.
[[nodiscard]] std::vector<SensorFile> frequency_sensors(const std::string& root, const std::vector<Core>& cores);

}  // namespace linnet::hal
