// Histograms and alarms: what telemetry is made of.

#include <gtest/gtest.h>

#include "runtime/daemon/alarms.h"
#include "runtime/daemon/histogram.h"

namespace linnet::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(DurationHistogram, PercentilesAreWithinABucketOfTheTruth) {
  DurationHistogram histogram;
  for (int ms = 1; ms <= 1000; ++ms) histogram.record(microseconds(ms * 1000));
  EXPECT_EQ(histogram.count(), 1000u);
  EXPECT_NEAR(histogram.sum_seconds(), 500.5, 1e-9);
  for (const double share : {0.5, 0.95, 0.99}) {
    EXPECT_GE(histogram.percentile_seconds(share), share * 0.999);
    EXPECT_LE(histogram.percentile_seconds(share), share * 1.35);
  }
}

TEST(DurationHistogram, ExtremesAndEmptinessHaveAnswers) {
  DurationHistogram histogram;
  EXPECT_EQ(histogram.percentile_seconds(0.99), 0);
  histogram.record(microseconds(0));
  histogram.record(std::chrono::hours(10));
  EXPECT_EQ(histogram.count_up_to(0), 1u);
  EXPECT_EQ(histogram.count_up_to(DurationHistogram::kBuckets - 1), 1u);
  EXPECT_EQ(histogram.percentile_seconds(1), 1000);
}

TEST(DurationHistogram, ADifferenceIsWhatCameSince) {
  DurationHistogram histogram;
  histogram.record(seconds(100));
  const DurationHistogram before = histogram;
  histogram.record(microseconds(1000));
  const auto recent = histogram.since(before);
  EXPECT_EQ(recent.count(), 1u);
  EXPECT_LT(recent.percentile_seconds(0.99), 0.0015);
}

const Clock::time_point kStart{};

TEST(Alarms, RaisedAfterHoldingAndClearedOnlyWellBelow) {
  Alarms alarms({{"temperature_c", 80, 75, seconds(10)}});
  const auto at = [&](int second, double value) {
    return alarms.update({{"temperature_c", value}}, kStart + seconds(second));
  };
  EXPECT_TRUE(at(0, 85).empty());
  EXPECT_TRUE(at(9, 85).empty());
  const auto raised = at(10, 81);
  ASSERT_EQ(raised.size(), 1u);
  EXPECT_TRUE(raised[0].raised);
  EXPECT_TRUE(at(11, 78).empty()) << "between the limits nothing changes";
  EXPECT_TRUE(at(12, 82).empty());
  EXPECT_EQ(alarms.raised().size(), 1u);
  const auto cleared = at(13, 75);
  ASSERT_EQ(cleared.size(), 1u);
  EXPECT_FALSE(cleared[0].raised);
}

TEST(Alarms, AShortPeakRaisesNothing) {
  Alarms alarms({{"temperature_c", 80, 75, seconds(10)}});
  for (int second = 0; second < 100; ++second) {
    EXPECT_TRUE(alarms.update({{"temperature_c", second % 5 == 0 ? 70.0 : 90.0}}, kStart + seconds(second)).empty());
  }
}

TEST(Alarms, AnAbsentFigureChangesNothing) {
  Alarms alarms({{"temperature_c", 80, 75, seconds(0)}});
  EXPECT_EQ(alarms.update({{"temperature_c", 90}}, kStart).size(), 1u);
  EXPECT_TRUE(alarms.update({}, kStart + seconds(5)).empty());
  EXPECT_EQ(alarms.raised().size(), 1u);
}

}  // namespace
}  // namespace linnet::daemon
