// GPIO through whichever libgpiod the system has: 1.6 and 2.x share no symbol, so each is a small plug-in, found at
// start.
#pragma once

#include <memory>
#include <string>

#include "hal/gpio.h"

namespace linnet::hal {

// What a plug-in exports, as `linnet_gpio_plugin`.
struct GpioPlugin {
  unsigned interface_version;
  const char* library;  // "libgpiod 1.6.3", for doctor.
  Gpio* (*open)();      // Owned by the caller; null where there is no chip to open.
};

inline constexpr unsigned kGpioPluginVersion = 1;
inline constexpr const char* kGpioPluginSymbol = "linnet_gpio_plugin";

// Tries `folder`/linnet-gpiod2.so, then linnet-gpiod1.so; the libgpiod that is installed makes one of them load.
// Errors: kAbsent (neither loads, or no chip), with the loader's reason. The plug-in stays loaded for the process's
// life.
[[nodiscard]] Result<std::unique_ptr<Gpio>> open_gpio(const std::string& folder);

}  // namespace linnet::hal
