// Temperatures: thermal zones of /sys/class/thermal by their type's name, and, where there are none, hwmon's sensors of
// the processor.
#pragma once

#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/boards/board_profile.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// The zones, and for each the file with its temperature in thousandths of a degree.
struct ThermalSensors {
  std::vector<ThermalZone> zones;
  std::vector<SensorFile> temperatures;
};

// With the trips that `profile` documents, where the kernel publishes none of that kind.
[[nodiscard]] ThermalSensors find_thermal_sensors(const std::string& root, const BoardProfile& profile);

}  // namespace linnet::hal
