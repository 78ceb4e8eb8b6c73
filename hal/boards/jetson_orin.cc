// Jetson Orin Nano, NX, AGX. Of the AGX no rail is the module's total: the sum of its parts is an estimate.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"nvidia,tegra234"};
constexpr std::string_view kModuleRails[] = {"VDD_IN"};  // Orin Nano, NX.
// Events since boot: under-voltage, average over-current, instantaneous over-current (NVIDIA's kernel driver
// tegra23x-oc-event; hwmon's name is "soctherm_oc").
constexpr ChipFile kCounters[] = {
    {"soctherm_oc", "oc1_event_cnt"}, {"soctherm_oc", "oc2_event_cnt"}, {"soctherm_oc", "oc3_event_cnt"}};

}  // namespace

const BoardProfile kJetsonOrin = {
    .family = "Jetson Orin", .compatible = kCompatible, .module_rails = kModuleRails, .throttle_counters = kCounters};

}  // namespace linnet::hal::boards
