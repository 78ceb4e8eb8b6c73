// Alarms with hysteresis: raised after a figure stood at its limit for long enough, cleared when it is well below.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/daemon/config.h"

namespace linnet::daemon {

struct AlarmChange {
  std::string name;
  bool raised = false;
  double value = 0;
  double limit = 0;  // The one that it crossed.
};

// Not thread-safe. Time is given.
class Alarms {
 public:
  explicit Alarms(std::vector<AlarmConfig> config) : config_(std::move(config)) {}

  // Looks at one snapshot of figures. A figure that is absent changes nothing: a sensor that fails neither raises nor
  // clears.
  [[nodiscard]] std::vector<AlarmChange> update(const std::map<std::string, double>& figures, Clock::time_point now);

  // From now on these; what is raised stays so until its figure is under the new limit.
  void configure(std::vector<AlarmConfig> config) { config_ = std::move(config); }

  [[nodiscard]] std::vector<std::string> raised() const;

 private:
  struct State {
    bool raised = false;
    std::optional<Clock::time_point> over_since;
  };

  std::vector<AlarmConfig> config_;
  std::map<std::string, State> states_;
};

}  // namespace linnet::daemon
