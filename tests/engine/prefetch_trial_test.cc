#include "runtime/engine/prefetch_trial.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet::engine {
namespace {

// Steps of `products` products, of which one takes `plain` or `ahead` milliseconds times its number.
PrefetchTrial tried(std::size_t products, double plain, double ahead, std::vector<std::vector<int>>* turns = nullptr) {
  PrefetchTrial trial;
  while (!trial.decided()) {
    for (std::size_t i = 0; i < products; ++i) {
      if (turns != nullptr) ++(*turns)[i][trial.ahead() ? 1 : 0];
      trial.add((trial.ahead() ? ahead : plain) * static_cast<double>(i + 1));
    }
    trial.end_step({1, 1});
  }
  return trial;
}

TEST(PrefetchTrialTest, TheFasterWayStays) {
  for (const std::size_t products : {1U, 2U, 97U, 100U}) {
    EXPECT_TRUE(tried(products, 1.0, 0.9).ahead()) << products;
    EXPECT_FALSE(tried(products, 0.9, 1.0).ahead()) << products;
    EXPECT_FALSE(tried(products, 1.0, 1.0).ahead()) << products;
  }
}

TEST(PrefetchTrialTest, EveryProductGoesAsOftenEachWay) {
  for (const std::size_t products : {1U, 2U, 5U}) {
    std::vector<std::vector<int>> turns(products, {0, 0});
    tried(products, 1.0, 2.0, &turns);
    for (const auto& ways : turns) EXPECT_EQ(ways, (std::vector<int>(2, PrefetchTrial::kSteps / 2)));
  }
}

TEST(PrefetchTrialTest, StepsOfManyRowsAndThoseAfterTheDecisionAreNotTimed) {
  EXPECT_TRUE(PrefetchTrial().tries(1));
  EXPECT_TRUE(PrefetchTrial().tries(PrefetchTrial::kRows));
  EXPECT_FALSE(PrefetchTrial().tries(PrefetchTrial::kRows + 1));
  EXPECT_FALSE(tried(3, 1.0, 0.5).tries(1));
}

TEST(PrefetchTrialTest, StepsAfterTheDecisionChangeNothing) {
  PrefetchTrial trial = tried(3, 1.0, 0.5);
  for (int i = 0; i < 5; ++i) trial.end_step({1, 1});
  EXPECT_TRUE(trial.decided());
  EXPECT_TRUE(trial.ahead());
}

// A long step beside a short one would speak for the way that the short one went.
TEST(PrefetchTrialTest, StepsOfDifferentSizesAreNotCompared) {
  PrefetchTrial trial;
  const auto step = [&](std::size_t rows, double plain, double ahead) {
    trial.add((trial.ahead() ? ahead : plain) * static_cast<double>(rows));
    trial.end_step({rows, 1});
  };
  for (std::size_t i = 0; i < 2 * PrefetchTrial::kSteps; ++i) step(i % 2 == 0 ? 1 : 16, 1.0, 0.5);
  EXPECT_FALSE(trial.decided());
  while (!trial.decided()) step(4, 1.0, 0.9);
  EXPECT_TRUE(trial.ahead());
}

}  // namespace
}  // namespace linnet::engine
