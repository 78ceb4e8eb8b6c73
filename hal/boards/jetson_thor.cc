// Jetson AGX Thor: VIN is the module's total.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"nvidia,tegra264"};
constexpr std::string_view kModuleRails[] = {"VIN"};

}  // namespace

const BoardProfile kJetsonThor = {.family = "Jetson Thor", .compatible = kCompatible, .module_rails = kModuleRails};

}  // namespace linnet::hal::boards
