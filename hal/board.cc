#include "hal/board.h"

namespace linnet::hal {

Vitals Board::empty_vitals() const {
  Vitals vitals;
  vitals.temperatures.resize(facts().thermal_zones.size());
  vitals.rail_powers.resize(facts().power_rails.size());
  vitals.frequencies.resize(facts().cores.size());
  return vitals;
}

}  // namespace linnet::hal
