// Jetson AGX Thor: VIN is taken to be the module's total, after its name; no document was found that says so.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"nvidia,tegra264"};
constexpr std::string_view kModuleRails[] = {"VIN"};

}  // namespace

const BoardProfile kJetsonThor = {.family = "Jetson Thor", .compatible = kCompatible, .module_rails = kModuleRails};

}  // namespace linnet::hal::boards
