// The board as a value: facts read once, vitals sampled, levers held.
//
// What a board does not have is absent (an empty optional, a null lever), never zero and never a stub; a sensor that
// fails is absent in that snapshot. `linux/` reads sysfs and procfs under a given root, `sim/` plays a board from a
// file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/gpio.h"
#include "runtime/base/clock.h"
#include "runtime/base/cpu_features.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace linnet::hal {

// A core that the kernel has online.
struct Core {
  unsigned number = 0;               // As in /sys/devices/system/cpu/cpuN.
  unsigned cluster = 0;              // Cores that share a frequency policy, or a cluster_id, or all 0.
  std::optional<unsigned> capacity;  // Relative speed, 1024 for the fastest core of the board.
  std::optional<Kilohertz> max_frequency;
  bool smt_sibling = false;    // A second thread of a core that is already listed.
  unsigned first_sibling = 0;  // The first thread of that core.
  bool isolated = false;       // Kept out of scheduling (isolcpus): only who asks for it by name runs there.
};

enum class TripKind : std::uint8_t { kActive, kPassive, kHot, kCritical };

// A temperature at which the kernel acts: throttling starts at the lowest passive trip.
struct TripPoint {
  TripKind kind = TripKind::kPassive;
  MilliCelsius temperature;
  bool documented = false;  // From the board's documentation, not from its kernel.
};

struct ThermalZone {
  std::string name;  // The kernel's type: "cpu-thermal", "tj-thermal"; or chip and label of a sensor: "k10temp Tctl".
  std::vector<TripPoint> trips;  // Ascending.

  // Where slowing down begins: the lowest passive trip, else the lowest hot one, else 5 degrees under the critical one.
  [[nodiscard]] std::optional<MilliCelsius> throttles_at() const;
};

struct PowerRail {
  std::string name;           // As labelled: "VDD_IN".
  bool whole_module = false;  // Its power is the module's total; the others are parts of it.
};

// What does not change while the board runs.
struct Facts {
  std::string name;         // As firmware says it; "unknown" where it says nothing.
  std::string_view family;  // The profile that serves it (hal/boards): "Jetson Orin", "unknown".
  std::vector<Core> cores;
  std::optional<double> quota;  // Cores' worth of time that a control group allows (cpu.max); absent: all.
  CpuFeatures cpu;              // What every usable core has.
  Bytes memory;
  std::vector<ThermalZone> thermal_zones;
  std::vector<PowerRail> power_rails;
  std::vector<std::string> accelerators;  // Device nodes that exist: "/dev/nvhost-gpu".
};

// Pressure stall information of one resource, over the last 10 seconds, in per cent of the time.
struct Pressure {
  double some = 0;
  double full = 0;
};

// Processor time of all cores since boot, in the kernel's ticks; compare two snapshots.
struct CpuTime {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};

// Bytes over all network devices since boot; compare two snapshots.
struct Traffic {
  Bytes received;
  Bytes sent;
};

// One snapshot. The vectors run parallel to the facts' and keep their size, so sampling allocates nothing.
struct Vitals {
  Clock::time_point time;
  std::optional<Bytes> memory_available;
  std::optional<Bytes> cgroup_limit;  // The tightest memory limit that holds this process.
  std::optional<Bytes> cgroup_usage;  // Charged to the group with that limit.
  std::optional<Pressure> cpu_pressure;
  std::optional<Pressure> memory_pressure;  // Of the whole machine.
  std::optional<Pressure> io_pressure;
  std::optional<CpuTime> cpu_time;
  std::optional<Traffic> network;
  std::vector<std::optional<MilliCelsius>> temperatures;  // One a thermal zone.
  std::vector<std::optional<Milliwatts>> rail_powers;     // One a power rail.
  std::vector<std::optional<Kilohertz>> frequencies;      // One a core, the current one.
  std::optional<std::uint64_t> throttle_events;           // Since boot; compare two snapshots.
  std::optional<bool> under_voltage;                      // The supply is too weak now.
  std::optional<Bytes> cgroup_unreclaimable;              // Of the usage: what the kernel cannot give back.
  std::optional<Pressure> cgroup_pressure;                // Memory, of the group with that limit (v2).
};

// Keeps the cores' frequency at or under a limit while it lives; restores what it found when destroyed.
class FrequencyHold {
 public:
  virtual ~FrequencyHold() = default;
  [[nodiscard]] virtual Result<void> limit(Kilohertz maximum) = 0;
};

// A board. Not thread-safe: one thread samples and pulls levers.
class Board {
 public:
  virtual ~Board() = default;

  [[nodiscard]] virtual const Facts& facts() const = 0;

  // A snapshot with the vectors sized for this board, for sample() to fill.
  [[nodiscard]] Vitals empty_vitals() const;

  // Overwrites `vitals` (made by empty_vitals()) with what the sensors say now. Allocates nothing after the first call.
  virtual void sample(Vitals& vitals) = 0;

  // Looks whether sensors have appeared (drivers load late). True where there are others than before: facts() is new,
  // and a snapshot must be made anew by empty_vitals(). Lists folders and allocates: once a minute is plenty.
  virtual bool look_for_sensors() { return false; }

  // GPIO lines, or null where the board has none that this process may open.
  [[nodiscard]] virtual Gpio* gpio() = 0;

  // Null where no frequency policy is writable.
  [[nodiscard]] virtual FrequencyHold* frequency_hold() = 0;
};

}  // namespace linnet::hal
