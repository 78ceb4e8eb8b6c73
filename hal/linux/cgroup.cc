#include "hal/linux/cgroup.h"

#include <algorithm>

#include "hal/linux/sensor_file.h"

namespace linnet::hal {
namespace {

bool includes(std::string_view list, std::string_view word) {
  if (word.empty()) return list.empty();
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

std::optional<double> ratio(std::optional<std::int64_t> quota, std::optional<std::int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;  // v1 writes -1 for none.
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> quota_v2(const std::string& folder) {
  const auto text = read_text(folder + "/cpu.max");  // "150000 100000", or "max 100000".
  if (!text || text->starts_with("max")) return std::nullopt;
  const auto space = text->find(' ');
  if (space == std::string::npos) return std::nullopt;
  return ratio(first_number(*text), first_number(std::string_view(*text).substr(space)));
}

std::optional<double> quota_v1(const std::string& folder) {
  return ratio(read_number(folder + "/cpu.cfs_quota_us"), read_number(folder + "/cpu.cfs_period_us"));
}

template <class Read>
std::optional<double> tightest(std::string folder, const std::string& top, Read read) {
  std::optional<double> least;
  while (folder.size() >= top.size()) {
    if (const auto quota = read(folder)) least = std::min(*quota, least.value_or(*quota));
    const auto slash = folder.rfind('/');
    if (slash == std::string::npos || slash < top.size()) break;
    folder.resize(slash);
  }
  return least;
}

}  // namespace

std::optional<std::string> group_path(std::string_view cgroups, std::string_view controller) {
  while (!cgroups.empty()) {
    const auto end = cgroups.find('\n');
    const std::string_view line = cgroups.substr(0, end);
    cgroups = end == std::string_view::npos ? std::string_view{} : cgroups.substr(end + 1);
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    if (includes(line.substr(first + 1, second - first - 1), controller)) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

std::optional<double> read_cpu_quota(const std::string& root) {
  const auto cgroups = read_text(root + "/proc/self/cgroup");
  if (!cgroups) return std::nullopt;
  const auto below = [](const std::string& path) { return path == "/" ? std::string() : path; };
  if (const auto path = group_path(*cgroups, "cpu")) {
    for (const char* mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
      if (const auto quota = tightest(root + mount + below(*path), root + mount, quota_v1)) return quota;
    }
  }
  const auto path = group_path(*cgroups, "");
  const std::string top = root + "/sys/fs/cgroup";
  return path ? tightest(top + below(*path), top, quota_v2) : std::nullopt;
}

}  // namespace linnet::hal
