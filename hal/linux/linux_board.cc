#include "hal/linux/linux_board.h"

#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

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

// Jetson counts throttling per cause in oc1..oc3_event_cnt of the hwmon chip "soctherm_oc".
std::vector<SensorFile> throttle_counters(const std::string& root) {
  std::vector<SensorFile> counters;
  const std::string folder = root + "/sys/class/hwmon";
  for (const std::string& name : list_folder(folder)) {
    if (read_text(folder + "/" + name + "/name") != "soctherm_oc") continue;
    for (const char* counter : {"/oc1_event_cnt", "/oc2_event_cnt", "/oc3_event_cnt"}) {
      if (read_number(folder + "/" + name + counter)) counters.emplace_back(folder + "/" + name + counter);
    }
  }
  return counters;
}

std::optional<Bytes> as_bytes(std::optional<std::int64_t> count) {
  if (!count || *count < 0) return std::nullopt;
  return Bytes{static_cast<std::uint64_t>(*count)};
}

class LinuxBoard final : public Board {
 public:
  explicit LinuxBoard(LinuxBoardOptions options)
      : gpio_(std::move(options.gpio)),
        meminfo_(options.root + "/proc/meminfo"),
        cpu_pressure_(options.root + "/proc/pressure/cpu"),
        memory_pressure_(options.root + "/proc/pressure/memory"),
        io_pressure_(options.root + "/proc/pressure/io"),
        stat_(options.root + "/proc/stat"),
        memory_group_(find_memory_group(options.root)),
        interfaces_(find_interfaces(options.root)),
        throttle_counters_(throttle_counters(options.root)) {
    ThermalSensors thermal = find_thermal_sensors(options.root);
    PowerSensors power = find_power_sensors(options.root);
    facts_.name = board_name(options.root);
    facts_.cpu = options.cpu;
    facts_.cores = read_cores(options.root);
    facts_.memory =
        meminfo_field(read_text(options.root + "/proc/meminfo").value_or(""), "MemTotal:").value_or(Bytes{});
    facts_.thermal_zones = std::move(thermal.zones);
    facts_.power_rails = std::move(power.rails);
    facts_.accelerators = find_accelerators(options.root);
    temperatures_ = std::move(thermal.temperatures);
    rails_ = std::move(power.sensors);
    frequencies_ = frequency_sensors(options.root, facts_.cores);
  }

  const Facts& facts() const override { return facts_; }
  Gpio* gpio() override { return gpio_.get(); }
  FrequencyHold* frequency_hold() override { return nullptr; }  // Joins with the governor.

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

  void sample_sensors(Vitals& vitals) {
    for (std::size_t i = 0; i < temperatures_.size(); ++i) {
      const auto value = temperatures_[i].number();
      vitals.temperatures[i] = value ? std::optional(MilliCelsius{*value}) : std::nullopt;
    }
    for (std::size_t i = 0; i < rails_.size(); ++i) vitals.rail_powers[i] = rails_[i].read();
    for (std::size_t i = 0; i < frequencies_.size(); ++i) {
      const auto value = frequencies_[i].number();
      vitals.frequencies[i] = value ? std::optional(Kilohertz{*value}) : std::nullopt;
    }
    vitals.throttle_events = std::nullopt;
    for (SensorFile& counter : throttle_counters_) {
      const auto events = counter.number();
      if (events) vitals.throttle_events = vitals.throttle_events.value_or(0) + static_cast<std::uint64_t>(*events);
    }
  }

  std::optional<Pressure> pressure(SensorFile& file) {
    const auto text = file.text(text_);
    return text ? parse_pressure(*text) : std::nullopt;
  }

  Facts facts_;
  std::unique_ptr<Gpio> gpio_;
  SensorFile meminfo_;
  SensorFile cpu_pressure_;
  SensorFile memory_pressure_;
  SensorFile io_pressure_;
  SensorFile stat_;
  std::optional<MemoryGroup> memory_group_;
  std::vector<InterfaceSensor> interfaces_;
  std::vector<SensorFile> throttle_counters_;
  std::vector<SensorFile> temperatures_;
  std::vector<RailSensor> rails_;
  std::vector<SensorFile> frequencies_;
  std::array<char, 4096> text_{};
};

}  // namespace

std::unique_ptr<Board> make_linux_board(LinuxBoardOptions options) {
  return std::make_unique<LinuxBoard>(std::move(options));
}

}  // namespace linnet::hal
