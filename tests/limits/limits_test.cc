#include "runtime/limits/limits.h"

#include <gtest/gtest.h>

#include "hal/cpu.h"
#include "runtime/limits/memory_costs.h"

namespace linnet::limits {
namespace {

MeasureOptions small(std::size_t threads) {
  return {.threads = threads, .cpu = hal::detect_cpu_features(), .forced = {}, .buffer = kMiB + kMiB, .repeats = 2};
}

void expect_sound(const Spread& spread) {
  EXPECT_GT(spread.low, 0);
  EXPECT_LE(spread.low, spread.median);
  EXPECT_LE(spread.median, spread.high);
}

TEST(Spread, IsTheMiddleAndTheEnds) {
  const Spread spread = spread_of({5, 1, 4});
  EXPECT_EQ(spread.median, 4);
  EXPECT_EQ(spread.low, 1);
  EXPECT_EQ(spread.high, 5);
}

TEST(Measure, GivesEveryFigureForEveryNumberOfThreads) {
  const auto limits = measure(small(3), [](std::size_t, std::size_t) { return true; });
  ASSERT_TRUE(limits) << limits.error().message;
  ASSERT_EQ(limits->read.size(), 3u);  // 1, 2 and all.
  EXPECT_EQ(limits->read[0].threads, 1u);
  EXPECT_EQ(limits->read[2].threads, 3u);
  for (const auto& read : limits->read) expect_sound(read.gb_s);
  for (const Spread& spread :
       {limits->int8_gop_s, limits->int4_weights_gb_s, limits->int8_weights_gb_s, limits->barrier_us}) {
    expect_sound(spread);
  }
}

TEST(Measure, StopsWhenAskedTo) {
  const auto limits = measure(small(1), [](std::size_t done, std::size_t) { return done == 0; });
  ASSERT_FALSE(limits);
  EXPECT_EQ(limits.error().kind, ErrorKind::kInterrupted);
}

TEST(Measure, RefusesAVariantThatDoesNotExist) {
  MeasureOptions options = small(1);
  options.forced = *kernels::ForcedVariants::parse("limits=fast");
  EXPECT_EQ(measure(options, [](std::size_t, std::size_t) { return true; }).error().kind, ErrorKind::kUsage);
}

TEST(MemoryCosts, AreMeasuredOrRefusedInWords) {
  const auto costs = measure_memory_costs(small(2));
  ASSERT_TRUE(costs) << costs.error().message;
  expect_sound(costs->first_touch);
  if (costs->read_ahead) expect_sound(*costs->read_ahead);
  if (costs->lock) expect_sound(*costs->lock);
  EXPECT_TRUE(costs->lock || costs->lock_limit) << "only a limit keeps it from being measured";
  EXPECT_NE(costs->huge_pages.has_value(), !costs->no_huge_pages.empty());
  if (costs->huge_pages) expect_sound(*costs->huge_pages);
}

}  // namespace
}  // namespace linnet::limits
