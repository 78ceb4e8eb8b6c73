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
  return trips;
}

void sort(std::vector<TripPoint>& trips) {
  std::sort(trips.begin(), trips.end(), [](const auto& a, const auto& b) { return a.temperature < b.temperature; });
}

void add_documented(ThermalZone& zone, const BoardProfile& profile) {
  for (const DocumentedTrip& trip : profile.trips) {
    if (trip.zone != zone.name) continue;
    const bool published = std::ranges::any_of(zone.trips, [&](const TripPoint& t) { return t.kind == trip.kind; });
    if (!published) zone.trips.push_back({trip.kind, trip.temperature, true});
  }
}

// Chips that measure a processor's temperature on a PC: one sensor of the whole package each.
bool measures_processor(const std::string& chip) {
  return chip == "coretemp" || chip == "k10temp" || chip == "zenpower";
}

void add_processor_chip(const std::string& folder, const std::string& chip, ThermalSensors& sensors) {
  const std::string sensor = folder + "/temp1";
  if (!read_number(sensor + "_input")) return;
  ThermalZone zone{chip + " " + read_text(sensor + "_label").value_or("temp1"), {}};
  // "max" is where fans are to be at their best, "crit" where the processor protects itself.
  if (const auto critical = read_number(sensor + "_crit"); critical && *critical > 0) {
    zone.trips.push_back({TripKind::kCritical, MilliCelsius{*critical}});
  }
  sensors.zones.push_back(std::move(zone));
  sensors.temperatures.emplace_back(sensor + "_input");
}

}  // namespace

ThermalSensors find_thermal_sensors(const std::string& root, const BoardProfile& profile) {
  ThermalSensors sensors;
  const std::string folder = root + "/sys/class/thermal";
  for (const std::string& name : list_folder(folder)) {
    if (!name.starts_with("thermal_zone")) continue;
    const std::string place = folder + "/" + name;
    ThermalZone zone{read_text(place + "/type").value_or(name), read_trips(place)};
    add_documented(zone, profile);
    sort(zone.trips);
    sensors.zones.push_back(std::move(zone));
    sensors.temperatures.emplace_back(place + "/temp");
  }
  const std::string chips = root + "/sys/class/hwmon";
  for (const std::string& name : list_folder(chips)) {
    const std::string chip = read_text(chips + "/" + name + "/name").value_or("");
    if (measures_processor(chip)) add_processor_chip(chips + "/" + name, chip, sensors);
  }
  return sensors;
}

}  // namespace linnet::hal
