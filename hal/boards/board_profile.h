// What differs from board to board, as a value: one file a board, chosen by what firmware says.
#pragma once

#include <span>
#include <string_view>

#include "hal/board.h"

namespace linnet::hal {

// A trip that the board has and its kernel does not publish.
struct DocumentedTrip {
  std::string_view zone;  // The thermal zone's type.
  TripKind kind;
  MilliCelsius temperature;
};

// A file of the hwmon chip of that name.
struct ChipFile {
  std::string_view chip;
  std::string_view file;
};

struct BoardProfile {
  std::string_view family;                       // "Jetson Orin".
  std::span<const std::string_view> compatible;  // Words of the device tree's "compatible", any of which names it.
  // Labels of rails whose power is the module's total; every other rail is a part of it.
  std::span<const std::string_view> module_rails = {};
  std::span<const DocumentedTrip> trips = {};
  std::span<const ChipFile> throttle_counters = {};  // Events since boot, to be added up.
  ChipFile under_voltage_alarm = {};                 // 1 while the supply is too weak.
};

// By the words of /proc/device-tree/compatible; without a device tree, what serves a PC or nothing in particular. Never
// fails: the last profile is "unknown".
[[nodiscard]] const BoardProfile& find_profile(std::span<const std::string_view> compatible, bool has_dmi);

namespace boards {
extern const BoardProfile kJetsonOrin;
extern const BoardProfile kJetsonXavier;
extern const BoardProfile kJetsonThor;
extern const BoardProfile kRaspberryPi;
extern const BoardProfile kRk3588;
extern const BoardProfile kGenericX86;
extern const BoardProfile kUnknown;
}  // namespace boards

}  // namespace linnet::hal
