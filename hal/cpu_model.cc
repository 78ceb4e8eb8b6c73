#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "hal/cpu.h"
#include "hal/cpu_decode.h"

namespace linnet::hal {
namespace {

constexpr std::uint32_t kArm = 0x41, kNvidia = 0x4e, kApple = 0x61;

struct ArmCore {
  std::uint32_t implementer;
  std::uint32_t part;
  std::string_view name;
};

// Main ID register values of the cores on boards that Linnet is meant for (each core's technical reference manual).
constexpr std::array kArmCores{
    ArmCore{kArm, 0xc07, "Cortex-A7"},     ArmCore{kArm, 0xc08, "Cortex-A8"},    ArmCore{kArm, 0xc09, "Cortex-A9"},
    ArmCore{kArm, 0xc0f, "Cortex-A15"},    ArmCore{kArm, 0xd03, "Cortex-A53"},   ArmCore{kArm, 0xd04, "Cortex-A35"},
    ArmCore{kArm, 0xd05, "Cortex-A55"},    ArmCore{kArm, 0xd07, "Cortex-A57"},   ArmCore{kArm, 0xd08, "Cortex-A72"},
    ArmCore{kArm, 0xd09, "Cortex-A73"},    ArmCore{kArm, 0xd0a, "Cortex-A75"},   ArmCore{kArm, 0xd0b, "Cortex-A76"},
    ArmCore{kArm, 0xd0c, "Neoverse-N1"},   ArmCore{kArm, 0xd0d, "Cortex-A77"},   ArmCore{kArm, 0xd40, "Neoverse-V1"},
    ArmCore{kArm, 0xd41, "Cortex-A78"},    ArmCore{kArm, 0xd42, "Cortex-A78AE"}, ArmCore{kArm, 0xd46, "Cortex-A510"},
    ArmCore{kArm, 0xd47, "Cortex-A710"},   ArmCore{kArm, 0xd49, "Neoverse-N2"},  ArmCore{kArm, 0xd4d, "Cortex-A715"},
    ArmCore{kArm, 0xd4f, "Neoverse-V2"},   ArmCore{kArm, 0xd80, "Cortex-A520"},  ArmCore{kArm, 0xd81, "Cortex-A720"},
    ArmCore{kArm, 0xd83, "Neoverse-V3AE"}, ArmCore{kArm, 0xd84, "Neoverse-V3"},  ArmCore{kNvidia, 0x003, "Denver 2"},
    ArmCore{kNvidia, 0x004, "Carmel"},     ArmCore{kApple, 0x022, "Apple M1"},
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::optional<std::uint32_t> parse_hexadecimal(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string arm_core_name(std::string_view implementer, std::string_view part) {
  const auto maker = parse_hexadecimal(implementer);
  const auto number = parse_hexadecimal(part);
  for (const ArmCore& core : kArmCores) {
    if (maker == core.implementer && number == core.part) return std::string(core.name);
  }
  return "ARM core " + std::string(implementer) + "/" + std::string(part);
}

// Names with how often each came, in order of first appearance.
class Tally {
 public:
  void add(std::string name) {
    for (auto& [known, count] : entries_) {
      if (known == name) {
        ++count;
        return;
      }
    }
    entries_.emplace_back(std::move(name), 1);
  }

  // "a" for one name, "2 x a, 4 x b" for several; empty for none.
  [[nodiscard]] std::string text() const {
    if (entries_.size() == 1) return entries_.front().first;
    std::string text;
    for (const auto& [name, count] : entries_) {
      if (!text.empty()) text += ", ";
      text += std::to_string(count) + " x " + name;
    }
    return text;
  }

 private:
  std::vector<std::pair<std::string, int>> entries_;
};

}  // namespace

std::string parse_cpu_model(std::string_view cpuinfo) {
  Tally arm_cores, other_cores;
  std::string_view implementer;
  while (!cpuinfo.empty()) {
    const auto end = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, end);
    cpuinfo = end == std::string_view::npos ? std::string_view{} : cpuinfo.substr(end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part") arm_cores.add(arm_core_name(implementer, value));
    if (key == "model name" && !value.empty()) other_cores.add(std::string(value));
  }
  // 32-bit ARM kernels write both; "ARMv7 Processor rev 4" says less than the part.
  const std::string arm = arm_cores.text();
  return arm.empty() ? other_cores.text() : arm;
}

std::string cpu_model(const std::string& root) {
  std::ifstream file(root + "/proc/cpuinfo");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string model = parse_cpu_model(text);
  return model.empty() ? "unknown processor" : model;
}

}  // namespace linnet::hal
