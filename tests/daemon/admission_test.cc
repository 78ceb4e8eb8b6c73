#include "runtime/daemon/admission.h"

#include <gtest/gtest.h>

namespace linnet::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Clock::time_point kStart{};

Waiting waiting(const std::string& who, const std::string& id, Priority priority = Priority::kNormal) {
  return {{who, id}, priority, std::nullopt};
}

TEST(Admission, HigherPrioritiesGoFirstAndEqualsInOrder) {
  AdmissionQueue queue({});
  EXPECT_EQ(queue.push(waiting("a", "low", Priority::kLow)), 0u);
  EXPECT_EQ(queue.push(waiting("a", "n1")), 0u);
  EXPECT_EQ(queue.push(waiting("b", "n2")), 1u);
  EXPECT_EQ(queue.push(waiting("b", "high", Priority::kHigh)), 0u);
  EXPECT_EQ(queue.push(waiting("c", "low2", Priority::kLow)), 4u);
  const auto first = queue.take(3);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(first[0].key.id, "high");
  EXPECT_EQ(first[1].key.id, "n1");
  EXPECT_EQ(first[2].key.id, "n2");
  EXPECT_EQ(queue.take(9).size(), 2u);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.waiting_of("a"), 0u);
}

TEST(Admission, AFullQueueIsBusyAndAGreedyClientOverItsQuota) {
  AdmissionQueue queue({.waiting = 3, .waiting_per_client = 2});
  for (const char* id : {"1", "2"}) {
    ASSERT_TRUE(queue.admit("greedy", kStart));
    queue.push(waiting("greedy", id));
  }
  const auto refused = queue.admit("greedy", kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rejection.code, ReasonCode::kQuotaExceeded);
  ASSERT_TRUE(queue.admit("modest", kStart));
  queue.push(waiting("modest", "1"));
  EXPECT_EQ(queue.admit("third", kStart).error().rejection.code, ReasonCode::kServerBusy);
  EXPECT_GT(queue.admit("third", kStart).error().retry_after.count(), 0);
}

TEST(Admission, RatesAreHeldOverTime) {
  AdmissionQueue queue({.waiting = 10000, .waiting_per_client = 10000, .requests_per_second = 10, .burst = 5});
  int admitted = 0;
  auto now = kStart;
  for (int i = 0; i < 10000; ++i, now += milliseconds(1)) {
    if (queue.admit("eager", now)) ++admitted;
  }
  EXPECT_NEAR(admitted, 105, 1) << "a burst of 5, then 10 a second for 10 seconds";
  auto refused = queue.admit("eager", now);
  while (refused) refused = queue.admit("eager", now);
  EXPECT_FALSE(queue.admit("eager", now + refused.error().retry_after - milliseconds(2)));
  EXPECT_TRUE(queue.admit("eager", now + refused.error().retry_after)) << "the time it tells is the time it takes";
}

TEST(Admission, ExpiredWorkIsNeverTaken) {
  AdmissionQueue queue({});
  Waiting late = waiting("a", "late");
  late.deadline = kStart + seconds(1);
  queue.push(late);
  queue.push(waiting("a", "patient"));
  EXPECT_TRUE(queue.take_expired(kStart + milliseconds(999)).empty());
  const auto expired = queue.take_expired(kStart + seconds(1));
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].key.id, "late");
  EXPECT_EQ(queue.take(9).size(), 1u);
}

TEST(Admission, WaitingRequestsCanBeCancelled) {
  AdmissionQueue queue({});
  queue.push(waiting("a", "1"));
  EXPECT_FALSE(queue.remove({"b", "1"}));
  EXPECT_TRUE(queue.remove({"a", "1"}));
  EXPECT_FALSE(queue.remove({"a", "1"}));
  EXPECT_EQ(queue.size(), 0u);
}

TEST(Admission, WaterMarksHaveHysteresis) {
  AdmissionQueue queue({.waiting = 8});
  for (int i = 0; i < 6; ++i) queue.push(waiting("a", std::to_string(i)));
  EXPECT_FALSE(queue.over_high_water());
  queue.push(waiting("a", "7th"));
  EXPECT_TRUE(queue.over_high_water());
  (void)queue.take(4);
  EXPECT_TRUE(queue.over_high_water());
  (void)queue.take(2);
  EXPECT_FALSE(queue.over_high_water());
}

TEST(Admission, ManyIdentitiesDoNotGrowItWithoutBound) {
  AdmissionQueue queue({.requests_per_second = 1000, .burst = 1});
  auto now = kStart;
  for (int i = 0; i < 20000; ++i, now += milliseconds(2)) EXPECT_TRUE(queue.admit("c" + std::to_string(i), now));
}

}  // namespace
}  // namespace linnet::daemon
