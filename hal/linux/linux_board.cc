#include "hal/linux/linux_board.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "hal/boards/board_profile.h"
#include "hal/linux/cgroup.h"
#include "hal/linux/cores.h"
#include "hal/linux/memory.h"
#include "hal/linux/power.h"
#include "hal/linux/sensor_file.h"
#include "hal/linux/thermal.h"
#include "hal/linux/usage.h"

namespace linnet::hal {
namespace {

// Device tree first (ARM boards), then DMI (x86). Its strings end in NULs, which read_text drops.
std::string board_name(const std::string& root) {
  if (const auto model = read_text(root + "/proc/device-tree/model"); model && !model->empty()) return *model;
  const auto vendor = read_text(root + "/sys/class/dmi/id/sys_vendor");
  const auto product = read_text(root + "/sys/class/dmi/id/product_name");
  if (vendor && product) return *vendor + " " + *product;
  return product.value_or("unknown");
}

std::vector<std::string> find_accelerators(const std::string& root) {
  std::vector<std::string> found;
  for (const char* node :
       {"/dev/nvhost-gpu", "/dev/nvgpu/igpu0", "/dev/nvidia0", "/dev/dri/renderD128", "/dev/rknpu"}) {
    if (access((root + node).c_str(), F_OK) == 0) found.emplace_back(node);
  }
  return found;
}

const BoardProfile& profile_of(const std::string& root) {
  const std::string text = read_text(root + "/proc/device-tree/compatible").value_or("");
  std::vector<std::string_view> words;
  for (std::string_view rest = text; !rest.empty();) {
    words.push_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), words.back().size() + 1));
  }
  return find_profile(words, read_text(root + "/sys/class/dmi/id/product_name").has_value());
}

// The files of hwmon chips that are there and can be read.
std::vector<SensorFile> find_chip_files(const std::string& root, std::span<const ChipFile> wanted) {
  std::vector<SensorFile> files;
  const std::string folder = root + "/sys/class/hwmon";
  for (const std::string& name : list_folder(folder)) {
    const std::string chip = read_text(folder + "/" + name + "/name").value_or("");
    for (const ChipFile& file : wanted) {
      const std::string path = folder + "/" + name + "/" + std::string(file.file);
      if (chip == file.chip && read_number(path)) files.emplace_back(path);
    }
  }
  return files;
}

// Sensors of which more may come while the system starts.
struct Sensors {
  ThermalSensors thermal;
  PowerSensors power;
  std::vector<SensorFile> throttle_counters;
  std::vector<SensorFile> under_voltage;

  static Sensors find(const std::string& root, const BoardProfile& profile) {
    Sensors sensors{find_thermal_sensors(root, profile),
                    find_power_sensors(root, profile),
                    find_chip_files(root, profile.throttle_counters),
                    {}};
    if (!profile.under_voltage_alarm.chip.empty()) {
      sensors.under_voltage = find_chip_files(root, {&profile.under_voltage_alarm, 1});
    }
    return sensors;
  }

  [[nodiscard]] std::size_t count() const {
    return thermal.zones.size() + power.rails.size() + throttle_counters.size() + under_voltage.size();
  }
};

std::optional<Bytes> as_bytes(std::optional<std::int64_t> count) {
  if (!count || *count < 0) return std::nullopt;
  return Bytes{static_cast<std::uint64_t>(*count)};
}

class LinuxBoard final : public Board {
 public:
  explicit LinuxBoard(LinuxBoardOptions options)
      : root_(std::move(options.root)),
        profile_(profile_of(root_)),
        gpio_(std::move(options.gpio)),
        meminfo_(root_ + "/proc/meminfo"),
        cpu_pressure_(root_ + "/proc/pressure/cpu"),
        memory_pressure_(root_ + "/proc/pressure/memory"),
        io_pressure_(root_ + "/proc/pressure/io"),
        stat_(root_ + "/proc/stat"),
        memory_group_(find_memory_group(root_)),
        interfaces_(find_interfaces(root_)),
        sensors_(Sensors::find(root_, profile_)) {
    facts_.name = board_name(root_);
    facts_.family = profile_.family;
    facts_.cpu = options.cpu;
    facts_.cores = read_cores(root_);
    facts_.quota = read_cpu_quota(root_);
    facts_.memory = meminfo_field(read_text(root_ + "/proc/meminfo").value_or(""), "MemTotal:").value_or(Bytes{});
    facts_.accelerators = find_accelerators(root_);
    frequencies_ = frequency_sensors(root_, facts_.cores);
    tell_sensors();
  }

  const Facts& facts() const override { return facts_; }
  Gpio* gpio() override { return gpio_.get(); }
  FrequencyHold* frequency_hold() override { return nullptr; }  // Joins with the governor.

  bool look_for_sensors() override {
    Sensors now = Sensors::find(root_, profile_);
    if (now.count() == sensors_.count()) return false;
    sensors_ = std::move(now);
    tell_sensors();
    return true;
  }

  void sample(Vitals& vitals) override {
    vitals.time = Clock::now();
    sample_memory(vitals);
    sample_usage(vitals);
    sample_sensors(vitals);
  }

 private:
  void sample_memory(Vitals& vitals) {
    const auto meminfo = meminfo_.text(text_);
    vitals.memory_available = meminfo ? meminfo_field(*meminfo, "MemAvailable:") : std::nullopt;
    vitals.cgroup_limit = memory_group_ ? as_bytes(memory_group_->limit.number()) : std::nullopt;
    vitals.cgroup_usage = memory_group_ ? as_bytes(memory_group_->usage.number()) : std::nullopt;
    const auto stat = memory_group_ ? memory_group_->stat.text(text_) : std::nullopt;
    const auto cache = stat ? reclaimable(*stat) : std::nullopt;
    vitals.cgroup_unreclaimable = std::nullopt;
    if (cache && vitals.cgroup_usage) {
      vitals.cgroup_unreclaimable =
          Bytes{vitals.cgroup_usage->count - std::min(vitals.cgroup_usage->count, cache->count)};
    }
    vitals.cgroup_pressure = memory_group_ ? pressure(memory_group_->pressure) : std::nullopt;
    vitals.cpu_pressure = pressure(cpu_pressure_);
    vitals.memory_pressure = pressure(memory_pressure_);
    vitals.io_pressure = pressure(io_pressure_);
  }

  void sample_usage(Vitals& vitals) {
    const auto stat = stat_.text(text_);
    vitals.cpu_time = stat ? parse_cpu_time(*stat) : std::nullopt;
    vitals.network = std::nullopt;
    for (InterfaceSensor& interface : interfaces_) {
      const auto received = as_bytes(interface.received.number());
      const auto sent = as_bytes(interface.sent.number());
      if (!received || !sent) continue;
      const Traffic so_far = vitals.network.value_or(Traffic{});
      vitals.network = Traffic{Bytes{so_far.received.count + received->count}, Bytes{so_far.sent.count + sent->count}};
    }
  }

  void tell_sensors() {
    facts_.thermal_zones = sensors_.thermal.zones;
    facts_.power_rails = sensors_.power.rails;
  }

  void sample_sensors(Vitals& vitals) {
    for (std::size_t i = 0; i < sensors_.thermal.temperatures.size(); ++i) {
      const auto value = sensors_.thermal.temperatures[i].number();
      vitals.temperatures[i] = value ? std::optional(MilliCelsius{*value}) : std::nullopt;
    }
    auto& rails = sensors_.power.sensors;
    for (std::size_t i = 0; i < rails.size(); ++i) vitals.rail_powers[i] = rails[i].read(vitals.time);
    for (std::size_t i = 0; i < frequencies_.size(); ++i) {
      const auto value = frequencies_[i].number();
      vitals.frequencies[i] = value ? std::optional(Kilohertz{*value}) : std::nullopt;
    }
    vitals.throttle_events = std::nullopt;
    for (SensorFile& counter : sensors_.throttle_counters) {
      const auto events = counter.number();
      if (events) vitals.throttle_events = vitals.throttle_events.value_or(0) + static_cast<std::uint64_t>(*events);
    }
    vitals.under_voltage = std::nullopt;
    for (SensorFile& alarm : sensors_.under_voltage) {
      if (const auto value = alarm.number()) vitals.under_voltage = *value != 0;
    }
  }

  std::optional<Pressure> pressure(SensorFile& file) {
    const auto text = file.text(text_);
    return text ? parse_pressure(*text) : std::nullopt;
  }

  std::string root_;
  const BoardProfile& profile_;
  Facts facts_;
  std::unique_ptr<Gpio> gpio_;
  SensorFile meminfo_;
  SensorFile cpu_pressure_;
  SensorFile memory_pressure_;
  SensorFile io_pressure_;
  SensorFile stat_;
  std::optional<MemoryGroup> memory_group_;
  std::vector<InterfaceSensor> interfaces_;
  Sensors sensors_;
  std::vector<SensorFile> frequencies_;
  std::array<char, 4096> text_{};
};

}  // namespace

std::unique_ptr<Board> make_linux_board(LinuxBoardOptions options) {
  return std::make_unique<LinuxBoard>(std::move(options));
}

}  // namespace linnet::hal
