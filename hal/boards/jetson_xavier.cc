// Jetson Xavier NX and AGX, and the Tegra X1 and X2 boards before them, whose total rail has another name.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"nvidia,tegra194", "nvidia,tegra186", "nvidia,tegra210"};
constexpr std::string_view kModuleRails[] = {"VDD_IN", "POM_5V_IN"};

}  // namespace

const BoardProfile kJetsonXavier = {.family = "Jetson Xavier", .compatible = kCompatible, .module_rails = kModuleRails};

}  // namespace linnet::hal::boards
