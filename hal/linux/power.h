// Power rails: INA3221 monitors (hwmon, and iio of old Jetsons), hwmon power meters, and RAPL's energy counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hal/board.h"
#include "hal/boards/board_profile.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {

// One rail: a power file, a voltage and a current (hwmon's INA3221 has no power file), or a counter of energy.
class RailSensor {
 public:
  // `units_a_milliwatt`: 1000 where the file is in microwatts, 1 in milliwatts.
  static RailSensor from_power(std::string path, std::int64_t units_a_milliwatt);
  static RailSensor from_volts_and_amperes(std::string voltage_path, std::string current_path);
  // Microjoules that start over after `wraps_at`: the mean power since the last reading; nothing at the first.
  static RailSensor from_energy(std::string path, std::int64_t wraps_at);

  [[nodiscard]] std::optional<Milliwatts> read(Clock::time_point now);

 private:
  enum class Kind : std::uint8_t { kPower, kVoltsAndAmperes, kEnergy };
  RailSensor(Kind kind, SensorFile first, std::optional<SensorFile> current, std::int64_t number)
      : kind_(kind), first_(std::move(first)), current_(std::move(current)), number_(number) {}
  [[nodiscard]] std::optional<Milliwatts> power_since_last(std::int64_t microjoules, Clock::time_point now);

  Kind kind_;
  SensorFile first_;
  std::optional<SensorFile> current_;
  std::int64_t number_;  // Units a milliwatt, or where the counter wraps.
  std::optional<std::int64_t> last_microjoules_;
  Clock::time_point last_time_{};
};

struct PowerSensors {
  std::vector<PowerRail> rails;
  std::vector<RailSensor> sensors;
};

[[nodiscard]] PowerSensors find_power_sensors(const std::string& root, const BoardProfile& profile);

}  // namespace linnet::hal
