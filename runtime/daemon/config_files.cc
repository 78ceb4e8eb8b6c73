#include "runtime/daemon/config_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace linnet::daemon {

std::vector<std::string> unreadable_files(const DaemonConfig& config) {
  std::vector<std::string> lines;
  const auto look = [&](const std::string& key, const std::string& path) {
    if (!path.empty() && access(path.c_str(), R_OK) != 0)
      lines.push_back(key + ": '" + path + "' cannot be read: " + std::strerror(errno));
  };
  for (const auto& [name, model] : config.models) look("models." + name + ".path", model.path);
  look("mqtt.password_file", config.password_file);
  if (!config.mqtt.tls) return lines;
  look("mqtt.tls.ca", config.mqtt.tls->ca_file);
  look("mqtt.tls.certificate", config.mqtt.tls->certificate_file);
  look("mqtt.tls.key", config.mqtt.tls->key_file);
  return lines;
}

}  // namespace linnet::daemon
