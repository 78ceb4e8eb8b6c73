#include "hal/memory_pressure.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet::hal {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Vitals with_pressure(double some) {
  Vitals vitals;
  vitals.memory_pressure = Pressure{some, 0};
  return vitals;
}

Vitals with_usage(std::uint64_t usage) {
  Vitals vitals;
  vitals.cgroup_limit = Bytes{100 * kMiB};
  vitals.cgroup_usage = Bytes{usage * kMiB};
  return vitals;
}

// What is said of one sample after another.
std::vector<bool> judged(const std::vector<Vitals>& samples) {
  std::vector<bool> answers;
  MemoryState state;
  for (const Vitals& vitals : samples) {
    state = judge_memory(vitals, state);
    answers.push_back(state.is_short);
  }
  return answers;
}

TEST(MemoryPressure, AWaitOverTheThresholdUntilThereIsNextToNone) {
  EXPECT_EQ(judged({with_pressure(0), with_pressure(9.9), with_pressure(10), with_pressure(5), with_pressure(1),
                    with_pressure(0.9), with_pressure(5)}),
            (std::vector<bool>{false, false, true, true, true, false, false}));
}

TEST(MemoryPressure, WithoutPsiAGroupNearItsLimit) {
  EXPECT_EQ(judged({with_usage(94), with_usage(96), with_usage(91), with_usage(89), with_usage(94)}),
            (std::vector<bool>{false, true, true, false, false}));
}

TEST(MemoryPressure, TheGroupsOwnFigureGoesBeforeTheMachines) {
  Vitals vitals = with_pressure(50);
  vitals.cgroup_pressure = Pressure{0, 0};
  EXPECT_FALSE(judge_memory(vitals, {}).is_short) << "another group is short";
  vitals = with_usage(100);
  vitals.cgroup_pressure = Pressure{0.5, 0};
  EXPECT_FALSE(judge_memory(vitals, {}).is_short) << "a full page cache is no wait";
  vitals.cgroup_pressure = Pressure{30, 5};
  EXPECT_TRUE(judge_memory(vitals, {}).is_short);
}

TEST(MemoryPressure, NothingKnownIsNotShort) {
  const MemoryState state = judge_memory({}, {.is_short = true});
  EXPECT_FALSE(state.is_short);
  EXPECT_FALSE(state.available);
}

TEST(MemoryPressure, AvailableIsWhatTheTightestLimitLeaves) {
  Vitals vitals = with_usage(80);
  EXPECT_EQ(available_memory(vitals), Bytes{100 * kMiB}) << "what of it is held for good is not known";
  vitals.cgroup_unreclaimable = Bytes{30 * kMiB};
  EXPECT_EQ(available_memory(vitals), Bytes{70 * kMiB});
  vitals.memory_available = Bytes{60 * kMiB};
  EXPECT_EQ(judge_memory(vitals, {}).available, Bytes{60 * kMiB});
  vitals.cgroup_unreclaimable = Bytes{200 * kMiB};
  EXPECT_EQ(available_memory(vitals), Bytes{0});
}

}  // namespace
}  // namespace linnet::hal
