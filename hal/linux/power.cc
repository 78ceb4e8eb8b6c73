#include "hal/linux/power.h"

#include <algorithm>
#include <chrono>

namespace linnet::hal {
namespace {

class Finder {
 public:
  Finder(const BoardProfile& profile, PowerSensors& found) : profile_(profile), found_(found) {}

  // INA3221 of hwmon: channels 1 to 3 are rails; "NC" is not connected, channel 7 the sum of shunt voltages.
  void add_ina3221(const std::string& folder) {
    for (int channel = 1; channel <= 3; ++channel) {
      const std::string number = std::to_string(channel);
      const auto label = read_text(folder + "/in" + number + "_label");
      if (!label || label->empty() || *label == "NC") continue;
      add(*label,
          RailSensor::from_volts_and_amperes(folder + "/in" + number + "_input", folder + "/curr" + number + "_input"));
    }
  }

  // The same chip of JetPack 4: in_powerN_input in milliwatts.
  void add_iio(const std::string& folder) {
    for (int channel = 0; channel <= 2; ++channel) {
      const std::string number = std::to_string(channel);
      const auto label = read_text(folder + "/rail_name_" + number);
      const std::string power = folder + "/in_power" + number + "_input";
      if (label && !label->empty() && read_number(power)) add(*label, RailSensor::from_power(power, 1));
    }
  }

  void add_power_meter(const std::string& folder, const std::string& chip) {
    const std::string path = folder + "/power1_input";
    if (!read_number(path)) return;
    add(read_text(folder + "/power1_label").value_or(chip), RailSensor::from_power(path, 1000));
  }

  // A package of processor cores: root alone may read it, in most systems.
  void add_rapl(const std::string& folder) {
    const auto name = read_text(folder + "/name");
    const auto wraps = read_number(folder + "/max_energy_range_uj");
    if (!name || !name->starts_with("package") || !wraps || !read_number(folder + "/energy_uj")) return;
    add(*name, RailSensor::from_energy(folder + "/energy_uj", *wraps));
  }

 private:
  void add(const std::string& label, RailSensor sensor) {
    const bool whole = std::ranges::find(profile_.module_rails, label) != profile_.module_rails.end();
    found_.rails.push_back({label, whole});
    found_.sensors.push_back(std::move(sensor));
  }

  const BoardProfile& profile_;
  PowerSensors& found_;
};

}  // namespace

RailSensor RailSensor::from_power(std::string path, std::int64_t units_a_milliwatt) {
  return {Kind::kPower, SensorFile(std::move(path)), std::nullopt, units_a_milliwatt};
}

RailSensor RailSensor::from_volts_and_amperes(std::string voltage_path, std::string current_path) {
  return {Kind::kVoltsAndAmperes, SensorFile(std::move(voltage_path)), SensorFile(std::move(current_path)), 1};
}

RailSensor RailSensor::from_energy(std::string path, std::int64_t wraps_at) {
  return {Kind::kEnergy, SensorFile(std::move(path)), std::nullopt, wraps_at};
}

std::optional<Milliwatts> RailSensor::read(Clock::time_point now) {
  const auto first = first_.number();
  if (!first) {
    last_microjoules_.reset();
    return std::nullopt;
  }
  if (kind_ == Kind::kPower) return Milliwatts{*first / number_};
  if (kind_ == Kind::kEnergy) return power_since_last(*first, now);
  const auto milliamperes = current_->number();
  if (!milliamperes) return std::nullopt;
  return Milliwatts{*first * *milliamperes / 1000};
}

std::optional<Milliwatts> RailSensor::power_since_last(std::int64_t microjoules, Clock::time_point now) {
  const auto last = std::exchange(last_microjoules_, microjoules);
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now - last_time_).count();
  last_time_ = now;
  if (!last || microseconds <= 0) return std::nullopt;
  const std::int64_t used = microjoules >= *last ? microjoules - *last : microjoules + number_ - *last;
  return Milliwatts{static_cast<std::int64_t>(1e3 * static_cast<double>(used) / static_cast<double>(microseconds))};
}

PowerSensors find_power_sensors(const std::string& root, const BoardProfile& profile) {
  PowerSensors found;
  Finder finder(profile, found);
  const std::string chips = root + "/sys/class/hwmon";
  for (const std::string& name : list_folder(chips)) {
    const std::string folder = chips + "/" + name;
    const std::string chip = read_text(folder + "/name").value_or("");
    if (chip.find("ina3221") != std::string::npos) {
      finder.add_ina3221(folder);
    } else {
      finder.add_power_meter(folder, chip);
    }
  }
  const std::string devices = root + "/sys/bus/iio/devices";
  for (const std::string& name : list_folder(devices)) finder.add_iio(devices + "/" + name);
  const std::string packages = root + "/sys/class/powercap";
  for (const std::string& name : list_folder(packages)) {
    if (name.starts_with("intel-rapl:")) finder.add_rapl(packages + "/" + name);
  }
  return found;
}

}  // namespace linnet::hal
