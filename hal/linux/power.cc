#include "hal/linux/power.h"

namespace linnet::hal {
namespace {

// Module totals by the boards' own labels; every other rail is a part (HAL notes: only these include the whole module).
bool is_whole_module(const std::string& label) { return label == "VDD_IN" || label == "POM_5V_IN" || label == "VIN"; }

// INA3221: channels 1 to 3 are rails; "NC" is not connected, channel 7 the sum of shunt voltages.
void add_ina3221(const std::string& folder, PowerSensors& found) {
  for (int channel = 1; channel <= 3; ++channel) {
    const std::string number = std::to_string(channel);
    const auto label = read_text(folder + "/in" + number + "_label");
    if (!label || label->empty() || *label == "NC") continue;
    found.rails.push_back({*label, is_whole_module(*label)});
    found.sensors.push_back(
        RailSensor::from_volts_and_amperes(folder + "/in" + number + "_input", folder + "/curr" + number + "_input"));
  }
}

void add_power_meter(const std::string& folder, const std::string& chip, PowerSensors& found) {
  const std::string path = folder + "/power1_input";
  if (!read_number(path)) return;
  found.rails.push_back({read_text(folder + "/power1_label").value_or(chip), false});
  found.sensors.push_back(RailSensor::from_power(path));
}

}  // namespace

RailSensor RailSensor::from_power(std::string path) { return {SensorFile(std::move(path)), std::nullopt}; }

RailSensor RailSensor::from_volts_and_amperes(std::string voltage_path, std::string current_path) {
  return {SensorFile(std::move(voltage_path)), SensorFile(std::move(current_path))};
}

std::optional<Milliwatts> RailSensor::read() {
  const auto first = power_or_voltage_.number();
  if (!first) return std::nullopt;
  if (!current_) return Milliwatts{*first / 1000};  // hwmon power files are in microwatts.
  const auto milliamperes = current_->number();
  if (!milliamperes) return std::nullopt;
  return Milliwatts{*first * *milliamperes / 1000};
}

PowerSensors find_power_sensors(const std::string& root) {
  PowerSensors found;
  const std::string folder = root + "/sys/class/hwmon";
  for (const std::string& name : list_folder(folder)) {
    const std::string chip_folder = folder + "/" + name;
    const std::string chip = read_text(chip_folder + "/name").value_or("");
    if (chip.find("ina3221") != std::string::npos) {
      add_ina3221(chip_folder, found);
    } else {
      add_power_meter(chip_folder, chip, found);
    }
  }
  return found;
}

}  // namespace linnet::hal
