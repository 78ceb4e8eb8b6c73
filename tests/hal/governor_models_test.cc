// The governor on a thousand boards that it does not know: an hour each, against the best constant setting.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "hal/governor.h"
#include "tests/hal/thermal_model.h"

namespace linnet::hal {
namespace {

using test::draw_model;
using test::HeatingBoard;
using test::ThermalModel;

constexpr int kModels = 1000;
constexpr int kSeconds = 3600;

// The best constant share that keeps the silicon under the trip for the hour: what does not settle in time may be more
// than best_constant(). Found by halving.
double best_constant_for_an_hour(const ThermalModel& model) {
  const auto stays_under = [&](double share) {
    HeatingBoard board(model);
    for (int second = 0; second < kSeconds && board.hottest() < model.trip; second += 1) board.run(share);
    return board.hottest() < model.trip;
  };
  if (stays_under(1)) return 1;
  double low = 0;
  double high = 1;
  for (int i = 0; i < 12; ++i) (stays_under((low + high) / 2) ? low : high) = (low + high) / 2;
  return low;
}

struct Hour {
  double work = 0;     // Mean share.
  double closest = 0;  // Degrees that were left to the trip.
};

Hour run_hour(const ThermalModel& model) {
  HeatingBoard board(model);
  GovernorHistory history;
  double work = 0;
  for (int second = 0; second < kSeconds; ++second) {
    const Governed governed = govern(board.facts(), board.vitals(), {}, history);
    history = governed.history;
    board.run(governed.pace.work_share);
    work += governed.pace.work_share;
  }
  return {work / kSeconds, model.trip - board.hottest()};
}

TEST(GovernorOnUnknownBoards, StaysUnderTheTripAndLosesLittle) {
  std::vector<double> shares;
  double closest = 1e9;
  int worst_seed = 0;
  double worst = 1e9;
  for (int seed = 0; seed < kModels; ++seed) {
    const ThermalModel model = draw_model(static_cast<std::uint64_t>(seed));
    const Hour hour = run_hour(model);
    const double share = hour.work / best_constant_for_an_hour(model);
    EXPECT_GT(hour.closest, 0) << "model " << seed << " crossed its trip";
    closest = std::min(closest, hour.closest);
    if (share < worst) {
      worst = share;
      worst_seed = seed;
    }
    shares.push_back(share);
  }
  std::sort(shares.begin(), shares.end());
  std::printf(
      "of the best constant setting: median %.3f, worst 5 %% from %.3f, worst %.3f (model %d); closest to a trip %.2f "
      "degrees\n",
      shares[kModels / 2], shares[kModels / 20], worst, worst_seed, closest);
  EXPECT_GE(shares[kModels / 2], 0.95);
  EXPECT_GE(shares[kModels / 20], 0.90);
}

}  // namespace
}  // namespace linnet::hal
