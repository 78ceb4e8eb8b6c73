#include "hal/linux/usage.h"

#include <unistd.h>

#include <array>
#include <charconv>

namespace linnet::hal {

std::optional<CpuTime> parse_cpu_time(std::string_view stat) {
  constexpr std::string_view kLine = "cpu ";
  if (!stat.starts_with(kLine)) return std::nullopt;
  enum Column : std::uint8_t { kUser, kNice, kSystem, kIdle, kIoWait, kInterrupt, kSoftInterrupt, kColumns };
  std::array<std::uint64_t, kColumns> ticks{};
  const char* next = stat.data() + kLine.size();
  const char* const end = stat.data() + stat.size();
  for (std::uint64_t& column : ticks) {
    while (next != end && *next == ' ') ++next;
    const auto [rest, status] = std::from_chars(next, end, column);
    if (status != std::errc{}) return std::nullopt;
    next = rest;
  }
  const std::uint64_t busy = ticks[kUser] + ticks[kNice] + ticks[kSystem] + ticks[kInterrupt] + ticks[kSoftInterrupt];
  return CpuTime{busy, busy + ticks[kIdle] + ticks[kIoWait]};
}

std::vector<InterfaceSensor> find_interfaces(const std::string& root) {
  std::vector<InterfaceSensor> found;
  const std::string folder = root + "/sys/class/net";
  for (const std::string& name : list_folder(folder)) {
    const std::string interface = folder + "/" + name;
    if (access((interface + "/device").c_str(), F_OK) != 0) continue;
    found.push_back({SensorFile(interface + "/statistics/rx_bytes"), SensorFile(interface + "/statistics/tx_bytes")});
  }
  return found;
}

}  // namespace linnet::hal
