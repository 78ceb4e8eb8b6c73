// The files that a configuration names: whether they are there.
#pragma once

#include <string>
#include <vector>

#include "runtime/daemon/config.h"

namespace linnet::daemon {

// A line for each that cannot be read now. No fault: a file may come later, with a stick or another package.
[[nodiscard]] std::vector<std::string> unreadable_files(const DaemonConfig& config);

}  // namespace linnet::daemon
