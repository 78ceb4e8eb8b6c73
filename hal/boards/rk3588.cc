// Rockchip RK3588: four fast cores, four small ones; thermal zones with trips of the device tree; no power sensor.
#include "hal/boards/board_profile.h"

namespace linnet::hal::boards {
namespace {

constexpr std::string_view kCompatible[] = {"rockchip,rk3588", "rockchip,rk3588s", "rockchip,rk3566",
                                            "rockchip,rk3568"};

}  // namespace

const BoardProfile kRk3588 = {.family = "Rockchip RK3588", .compatible = kCompatible};

}  // namespace linnet::hal::boards
