#include "runtime/daemon/alarms.h"

namespace linnet::daemon {

std::vector<AlarmChange> Alarms::update(const std::map<std::string, double>& figures, Clock::time_point now) {
  std::vector<AlarmChange> changes;
  for (const AlarmConfig& alarm : config_) {
    const auto figure = figures.find(alarm.name);
    if (figure == figures.end()) continue;
    State& state = states_[alarm.name];
    const double value = figure->second;
    if (value < alarm.raise) state.over_since.reset();
    if (value >= alarm.raise && !state.over_since) state.over_since = now;
    if (!state.raised && state.over_since && now - *state.over_since >= alarm.hold) {
      state.raised = true;
      changes.push_back({alarm.name, true, value, alarm.raise});
    } else if (state.raised && value <= alarm.clear) {
      state.raised = false;
      changes.push_back({alarm.name, false, value, alarm.clear});
    }
  }
  return changes;
}

std::vector<std::string> Alarms::raised() const {
  std::vector<std::string> names;
  for (const auto& [name, state] : states_) {
    if (state.raised) names.push_back(name);
  }
  return names;
}

}  // namespace linnet::daemon
