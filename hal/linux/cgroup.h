// Control groups of this process, v2 and v1: where their files are, and how much processor time they allow.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linnet::hal {

// The path after "…:CONTROLLERS:" of the line of /proc/self/cgroup whose comma-separated controllers include
// `controller`; an empty name is v2's line.
[[nodiscard]] std::optional<std::string> group_path(std::string_view cgroups, std::string_view controller);

// Cores' worth of time by the tightest quota on the way from this process's group to the top (cpu.max, or v1's
// cpu.cfs_quota_us); nothing where none is set.
[[nodiscard]] std::optional<double> read_cpu_quota(const std::string& root);

}  // namespace linnet::hal
