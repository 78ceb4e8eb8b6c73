#include "hal/linux/record.h"

#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

#include "hal/linux/cgroup.h"
#include "hal/linux/sensor_file.h"

namespace linnet::hal {
namespace {

constexpr const char* kPatterns[] = {
    "/proc/cpuinfo",
    "/proc/device-tree/compatible",
    "/proc/device-tree/model",
    "/proc/meminfo",
    "/proc/pressure/*",
    "/proc/self/cgroup",
    "/proc/stat",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/hwmon/hwmon*/*_alarm",
    "/sys/class/hwmon/hwmon*/*_cnt",
    "/sys/class/hwmon/hwmon*/*_crit",
    "/sys/class/hwmon/hwmon*/*_input",
    "/sys/class/hwmon/hwmon*/*_label",
    "/sys/class/hwmon/hwmon*/*_max",
    "/sys/class/hwmon/hwmon*/name",
    "/sys/class/powercap/intel-rapl:*/energy_uj",
    "/sys/class/powercap/intel-rapl:*/max_energy_range_uj",
    "/sys/class/powercap/intel-rapl:*/name",
    "/sys/class/thermal/cooling_device*/cur_state",
    "/sys/class/thermal/cooling_device*/max_state",
    "/sys/class/thermal/cooling_device*/type",
    "/sys/class/thermal/thermal_zone*/temp",
    "/sys/class/thermal/thermal_zone*/trip_point_*_temp",
    "/sys/class/thermal/thermal_zone*/trip_point_*_type",
    "/sys/class/thermal/thermal_zone*/type",
    "/sys/bus/iio/devices/iio:device*/in_power*_input",
    "/sys/bus/iio/devices/iio:device*/rail_name_*",
    "/sys/devices/system/cpu/cpu[0-9]*/cpu_capacity",
    "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq",
    "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/related_cpus",
    "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/cluster_id",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list",
    "/sys/devices/system/cpu/isolated",
    "/sys/devices/system/cpu/online",
};

std::vector<std::string> matches(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

// Of this process's control groups, up to the top.
void add_groups(const std::string& root, std::vector<std::string>& paths) {
  const auto cgroups = read_text(root + "/proc/self/cgroup").value_or("");
  const auto walk = [&](const std::string& mount, std::string path, std::initializer_list<const char*> names) {
    if (path == "/") path.clear();
    for (;; path.resize(path.rfind('/'))) {
      for (const char* name : names) paths.push_back(root + mount + path + "/" + name);
      if (path.rfind('/') == std::string::npos) return;
    }
  };
  if (const auto path = group_path(cgroups, "memory")) {
    walk("/sys/fs/cgroup/memory", *path, {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"});
  }
  if (const auto path = group_path(cgroups, "cpu")) {
    walk("/sys/fs/cgroup/cpu", *path, {"cpu.cfs_quota_us", "cpu.cfs_period_us"});
  }
  if (const auto path = group_path(cgroups, "")) {
    walk("/sys/fs/cgroup", *path, {"memory.max", "memory.current", "memory.stat", "memory.pressure", "cpu.max"});
  }
}

// The first 64 KiB: sysfs and procfs tell no size beforehand. Nothing where it cannot be read.
std::string content_of(const std::string& path) {
  std::string content(std::size_t{64} << 10, '\0');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::size_t size = 0;
  for (ssize_t count = 1; count > 0 && size < content.size();) {
    count = read(file, content.data() + size, content.size() - size);
    if (count > 0) size += static_cast<std::size_t>(count);
  }
  close(file);
  content.resize(size);
  return content;
}

Result<bool> copy(const std::string& from, const std::filesystem::path& to) {
  const std::string content = content_of(from);
  if (content.empty()) return false;
  std::error_code error;
  std::filesystem::create_directories(to.parent_path(), error);
  std::ofstream file(to, std::ios::binary);
  file << content;
  file.close();
  if (file) return true;
  return fail(errno == ENOSPC ? ErrorKind::kExhausted : ErrorKind::kIo, to.string() + ": cannot be written");
}

}  // namespace

Result<std::size_t> record_board(const std::string& root, const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error)) {
    return fail(ErrorKind::kUsage, folder + ": holds something already; name a folder that is empty or absent");
  }
  std::vector<std::string> paths;
  for (const char* pattern : kPatterns) {
    for (std::string& path : matches(root + pattern)) paths.push_back(std::move(path));
  }
  add_groups(root, paths);
  std::size_t copied = 0;
  for (const std::string& path : paths) {
    LINNET_TRY(const bool done, copy(path, folder + path.substr(root.size())));
    copied += done ? 1 : 0;
  }
  return copied;
}

}  // namespace linnet::hal
