#include "runtime/daemon/pacer.h"

#include <gtest/gtest.h>

namespace linnet::daemon {
namespace {

using std::chrono::milliseconds;

hal::Vitals with_weak_supply(bool weak) {
  hal::Vitals vitals;
  vitals.time = Clock::now();
  vitals.under_voltage = weak;
  return vitals;
}

TEST(Pace, PausesSoThatTheShareIsKept) {
  EXPECT_EQ(Pace{}.pause_after(milliseconds(100)).count(), 0);
  EXPECT_EQ((Pace{.work_share = 0.25}).pause_after(milliseconds(100)), milliseconds(300));
  EXPECT_GT((Pace{.work_share = 0}).pause_after(milliseconds(1)).count(), 0) << "never for ever";
}

TEST(Pacer, DoesAsTheGovernorSays) {
  Pacer pacer;
  EXPECT_EQ(pacer.pace().work_share, 1);
  pacer.sample({}, with_weak_supply(true), {});
  EXPECT_EQ(pacer.pace().work_share, 0.4);
  EXPECT_EQ(pacer.pace().most_together, 1u);
  EXPECT_TRUE(pacer.pace().admit);
  EXPECT_EQ(pacer.pace().reason, "the supply is weak");
}

}  // namespace
}  // namespace linnet::daemon
