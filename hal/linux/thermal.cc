#include "hal/linux/thermal.h"

#include <algorithm>
#include <optional>

namespace linnet::hal {
namespace {

std::optional<TripKind> trip_kind(const std::string& text) {
  if (text == "active") return TripKind::kActive;
  if (text == "passive") return TripKind::kPassive;
  if (text == "hot") return TripKind::kHot;
  if (text == "critical") return TripKind::kCritical;
  return std::nullopt;
}

std::vector<TripPoint> read_trips(const std::string& zone_folder) {
  std::vector<TripPoint> trips;
  for (int index = 0;; ++index) {
    const std::string stem = zone_folder + "/trip_point_" + std::to_string(index);
    const auto kind_text = read_text(stem + "_type");
    if (!kind_text) break;
    const auto kind = trip_kind(*kind_text);
    const auto temperature = read_number(stem + "_temp");
    // Boards write absurd values (-273200, 0) for trips that are switched off.
    if (kind && temperature && *temperature > 0) trips.push_back({*kind, MilliCelsius{*temperature}});
  }
  std::sort(trips.begin(), trips.end(), [](const auto& a, const auto& b) { return a.temperature < b.temperature; });
  return trips;
}

}  // namespace

ThermalSensors find_thermal_sensors(const std::string& root) {
  ThermalSensors sensors;
  const std::string folder = root + "/sys/class/thermal";
  for (const std::string& name : list_folder(folder)) {
    if (!name.starts_with("thermal_zone")) continue;
    const std::string zone = folder + "/" + name;
    sensors.zones.push_back({read_text(zone + "/type").value_or(name), read_trips(zone)});
    sensors.temperatures.emplace_back(zone + "/temp");
  }
  return sensors;
}

}  // namespace linnet::hal
