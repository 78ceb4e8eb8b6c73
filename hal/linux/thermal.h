// Thermal zones of /sys/class/thermal, found by their type's name.
#pragma once

#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// The zones, and for each the file with its temperature in thousandths of a degree.
struct ThermalSensors {
  std::vector<ThermalZone> zones;
  std::vector<SensorFile> temperatures;
};

[[nodiscard]] ThermalSensors find_thermal_sensors(const std::string& root);

}  // namespace linnet::hal
