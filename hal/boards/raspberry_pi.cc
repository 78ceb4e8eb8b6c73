// Raspberry Pi 3, 4, 5: the firmware slows the cores down by itself, at temperatures that no kernel file tells.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"brcm,bcm2837", "brcm,bcm2711", "brcm,bcm2712"};

// Raspberry Pi documentation, "Frequency management and thermal control": from 80 degrees on the ARM cores are
// throttled, at 85 all is held down.
constexpr DocumentedTrip kTrips[] = {{"cpu-thermal", TripKind::kPassive, MilliCelsius{80'000}},
                                     {"cpu-thermal", TripKind::kHot, MilliCelsius{85'000}}};

}  // namespace

// The alarm is the kernel's driver raspberrypi-hwmon: supply under 4.63 V. The file get_throttled warns in the kernel's
// log at each reading and is left alone.
const BoardProfile kRaspberryPi = {.family = "Raspberry Pi",
                                   .compatible = kCompatible,
                                   .trips = kTrips,
                                   .under_voltage_alarm = {"rpi_volt", "in0_lcrit_alarm"}};

}  // namespace linnet::hal::boards
