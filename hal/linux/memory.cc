#include "hal/linux/memory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "hal/linux/cgroup.h"

namespace linnet::hal {
namespace {

// v1 writes "no limit" as the largest multiple of a page; nothing real comes near.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;

// How a hierarchy names its files.
struct Hierarchy {
  std::string folder;  // Of this process's group.
  std::string top;     // Where the walk upwards ends.
  const char* limit_name;
  const char* usage_name;
  const char* stat_name;
};

// The limit in a file, where there is one: v2 writes "max" for none.
std::optional<std::int64_t> limit_in(const std::string& path) {
  const auto limit = read_number(path);
  return limit && *limit < kNoLimit ? limit : std::nullopt;
}

std::optional<MemoryGroup> tightest_group(const Hierarchy& hierarchy) {
  std::optional<std::int64_t> tightest;
  std::optional<MemoryGroup> group;
  for (std::string folder = hierarchy.folder; folder.size() >= hierarchy.top.size();) {
    const auto limit = limit_in(folder + hierarchy.limit_name);
    if (limit && (!tightest || *limit < *tightest)) {
      tightest = limit;
      group = MemoryGroup{SensorFile(folder + hierarchy.limit_name), SensorFile(folder + hierarchy.usage_name),
                          SensorFile(folder + hierarchy.stat_name), SensorFile(folder + "/memory.pressure")};
    }
    const auto slash = folder.rfind('/');
    if (slash == std::string::npos || slash < hierarchy.top.size()) break;
    folder.resize(slash);
  }
  return group;
}

std::optional<double> field_after(std::string_view text, std::string_view line, std::string_view field) {
  const auto start = text.find(line);
  if (start == std::string_view::npos) return std::nullopt;
  const auto place = text.find(field, start);
  if (place == std::string_view::npos) return std::nullopt;
  double value = 0;
  const char* first = text.data() + place + field.size();
  if (std::from_chars(first, text.data() + text.size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Bytes> meminfo_field(std::string_view meminfo, std::string_view field) {
  const auto start = meminfo.find(field);
  if (start == std::string_view::npos) return std::nullopt;
  const auto kibibytes = first_number(meminfo.substr(start + field.size()));
  if (!kibibytes || *kibibytes < 0) return std::nullopt;
  return Bytes{static_cast<std::uint64_t>(*kibibytes) * 1024};
}

std::optional<Bytes> reclaimable(std::string_view stat) {
  constexpr std::array<std::string_view, 3> kNames = {"inactive_file ", "active_file ", "slab_reclaimable "};
  // v1 counts the group alone under those names; with all below it under others, and no slabs.
  constexpr std::array<std::string_view, 2> kNamesOfV1 = {"total_inactive_file ", "total_active_file "};
  const bool v1 = stat.find(kNamesOfV1.front()) != std::string_view::npos;
  const std::span<const std::string_view> names = v1 ? std::span<const std::string_view>(kNamesOfV1) : kNames;
  std::optional<Bytes> sum;
  while (!stat.empty()) {
    const auto end = stat.find('\n');
    const std::string_view line = stat.substr(0, end);
    stat = end == std::string_view::npos ? std::string_view{} : stat.substr(end + 1);
    const auto name = std::ranges::find_if(names, [&](std::string_view n) { return line.starts_with(n); });
    if (name == names.end()) continue;
    const auto number = first_number(line.substr(name->size()));
    if (number && *number >= 0) sum = sum.value_or(Bytes{}) + Bytes{static_cast<std::uint64_t>(*number)};
  }
  return sum;
}

std::optional<Pressure> parse_pressure(std::string_view text) {
  const auto some = field_after(text, "some ", "avg10=");
  if (!some) return std::nullopt;
  return Pressure{*some, field_after(text, "full ", "avg10=").value_or(0)};
}

std::optional<MemoryGroup> find_memory_group(const std::string& root) {
  const auto cgroups = read_text(root + "/proc/self/cgroup");
  if (!cgroups) return std::nullopt;
  const std::string mount = root + "/sys/fs/cgroup";
  if (const auto path = group_path(*cgroups, "memory")) {  // v1, or a hybrid that keeps memory on v1.
    const std::string top = mount + "/memory";
    return tightest_group(
        {top + (*path == "/" ? "" : *path), top, "/memory.limit_in_bytes", "/memory.usage_in_bytes", "/memory.stat"});
  }
  if (const auto path = group_path(*cgroups, "")) {
    return tightest_group(
        {mount + (*path == "/" ? "" : *path), mount, "/memory.max", "/memory.current", "/memory.stat"});
  }
  return std::nullopt;
}

}  // namespace linnet::hal
