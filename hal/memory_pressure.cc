#include "hal/memory_pressure.h"

#include <algorithm>

namespace linnet::hal {
namespace {

// Whether a figure that is bad when it is high is: over `high` at once, until it is under `low`.
bool with_hysteresis(double figure, double low, double high, bool before) {
  return before ? figure >= low : figure >= high;
}

}  // namespace

std::optional<Bytes> available_memory(const Vitals& vitals) {
  std::optional<Bytes> group = vitals.cgroup_limit;
  if (group && vitals.cgroup_unreclaimable) {
    group = Bytes{group->count - std::min(group->count, vitals.cgroup_unreclaimable->count)};
  }
  if (!vitals.memory_available || !group) return vitals.memory_available ? vitals.memory_available : group;
  return std::min(*vitals.memory_available, *group);
}

MemoryState judge_memory(const Vitals& vitals, const MemoryState& before) {
  MemoryState state{.is_short = false, .available = available_memory(vitals)};
  const auto& pressure = vitals.cgroup_pressure ? vitals.cgroup_pressure : vitals.memory_pressure;
  if (pressure) {
    state.is_short = with_hysteresis(pressure->some, kEased, kShort, before.is_short);
  } else if (vitals.cgroup_limit && vitals.cgroup_usage && vitals.cgroup_limit->count != 0) {
    const double used =
        static_cast<double>(vitals.cgroup_usage->count) / static_cast<double>(vitals.cgroup_limit->count);
    state.is_short = with_hysteresis(used, 1 - kOffLimit, 1 - kNearLimit, before.is_short);
  }
  return state;
}

}  // namespace linnet::hal
