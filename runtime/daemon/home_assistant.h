// Home Assistant finds the device by a retained message that says where its figures are.
#pragma once

#include <string>
#include <string_view>

#include "runtime/daemon/topics.h"

namespace linnet::daemon {

// "homeassistant/device/linnet_{group}_{node}/config": device discovery, since Home Assistant 2024.11.
[[nodiscard]] std::string discovery_topic(const DeviceAddress& address);

// Overwrites `out`. Figures are read from the `health` message; a figure that the device does not have stays unknown.
void write_discovery(std::string& out, const DeviceAddress& address, std::string_view display_name,
                     std::string_view board);

}  // namespace linnet::daemon
