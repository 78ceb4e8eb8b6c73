// Power rails of INA3221 monitors and of hwmon power meters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// One rail: either a power file in microwatts, or a voltage in mV and a current in mA (INA3221 has no power file).
class RailSensor {
 public:
  static RailSensor from_power(std::string path);
  static RailSensor from_volts_and_amperes(std::string voltage_path, std::string current_path);

  [[nodiscard]] std::optional<Milliwatts> read();

 private:
  RailSensor(SensorFile first, std::optional<SensorFile> current)
      : power_or_voltage_(std::move(first)), current_(std::move(current)) {}

  SensorFile power_or_voltage_;
  std::optional<SensorFile> current_;
};

struct PowerSensors {
  std::vector<PowerRail> rails;
  std::vector<RailSensor> sensors;
};

[[nodiscard]] PowerSensors find_power_sensors(const std::string& root);

}  // namespace linnet::hal
