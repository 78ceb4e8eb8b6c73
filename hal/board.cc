#include "hal/board.h"

#include <algorithm>

namespace linnet::hal {
namespace {

constexpr MilliCelsius kUnderCritical{5000};

}  // namespace

std::optional<MilliCelsius> ThermalZone::throttles_at() const {
  for (const TripKind kind : {TripKind::kPassive, TripKind::kHot, TripKind::kCritical}) {
    const auto trip = std::find_if(trips.begin(), trips.end(), [&](const TripPoint& t) { return t.kind == kind; });
    if (trip != trips.end())
      return kind == TripKind::kCritical ? trip->temperature - kUnderCritical : trip->temperature;
  }
  return std::nullopt;
}

Vitals Board::empty_vitals() const {
  Vitals vitals;
  vitals.temperatures.resize(facts().thermal_zones.size());
  vitals.rail_powers.resize(facts().power_rails.size());
  vitals.frequencies.resize(facts().cores.size());
  return vitals;
}

}  // namespace linnet::hal
