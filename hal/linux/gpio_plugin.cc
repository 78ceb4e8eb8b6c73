#include "hal/linux/gpio_plugin.h"

#include <dlfcn.h>

namespace linnet::hal {

Result<std::unique_ptr<Gpio>> open_gpio(const std::string& folder) {
  std::string reason;
  for (const char* name : {"/linnet-gpiod2.so", "/linnet-gpiod1.so"}) {
    void* library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      reason = dlerror();
      continue;
    }
    const auto* plugin = static_cast<const GpioPlugin*>(dlsym(library, kGpioPluginSymbol));
    if (plugin == nullptr || plugin->interface_version != kGpioPluginVersion) {
      reason = folder + name + " belongs to another version of Linnet";
      continue;
    }
    if (Gpio* gpio = plugin->open()) return std::unique_ptr<Gpio>(gpio);
    return fail(ErrorKind::kAbsent, std::string("no GPIO chip that this process may open (") + plugin->library + ")");
  }
  return fail(ErrorKind::kAbsent, "no GPIO plug-in loads: " + reason);
}

}  // namespace linnet::hal
