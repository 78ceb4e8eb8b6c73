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

TEST(PauseLedger, GivesShortWorkWholeAndKeepsTheShareOverLongWork) {
  const Pace half{.work_share = 0.5};
  PauseLedger ledger;
  Clock::time_point now{std::chrono::hours(1)};
  Clock::duration worked{};
  Clock::duration paused{};
  const auto work = [&](milliseconds busy, const Pace& pace) {
    ledger.work(now, now + busy, pace);
    now += busy;
    worked += busy;
    const auto due = std::max(Clock::duration::zero(), ledger.due(now, pace));
    now += due;
    paused += due;
    return due;
  };
  for (int i = 0; i < 25; ++i) EXPECT_EQ(work(milliseconds(10), half).count(), 0) << "within the credit";
  EXPECT_EQ(work(milliseconds(10), half), milliseconds(10)) << "and then every step pays its own";
  for (int i = 0; i < 974; ++i) work(milliseconds(10), half);
  EXPECT_EQ(worked - paused, PauseLedger::kCredit) << "of ten seconds";
  now += milliseconds(100);  // Nobody asks: it pays.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(work(milliseconds(10), half).count(), 0);
  EXPECT_EQ(work(milliseconds(10), half), milliseconds(10));
  now += std::chrono::hours(1);  // A credit is never more than that.
  for (int i = 0; i < 25; ++i) EXPECT_EQ(work(milliseconds(10), half).count(), 0);
  EXPECT_EQ(work(milliseconds(10), half), milliseconds(10));
}

TEST(PauseLedger, TakesTheNewestPaceForTheLastStretch) {
  PauseLedger ledger;
  const Clock::time_point end{std::chrono::seconds(11)};
  ledger.work(end - std::chrono::seconds(1), end, {.work_share = 0.05});
  const auto close_to = [](Clock::duration due, Clock::duration expected) {
    return std::chrono::abs(due - expected) < milliseconds(1);
  };
  EXPECT_TRUE(close_to(ledger.due(end, {.work_share = 0.05}), std::chrono::seconds(19) - PauseLedger::kCredit));
  EXPECT_TRUE(close_to(ledger.due(end, {.work_share = 0.5}), std::chrono::seconds(1) - PauseLedger::kCredit));
  EXPECT_LE(ledger.due(end, {}).count(), 0);
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
