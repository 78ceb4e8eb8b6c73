// The governor's tables: an hour of heating and cooling, sensors that lie or fail, a weak supply, a fan that stops.
#include "hal/governor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "tests/hal/thermal_model.h"

namespace linnet::hal {
namespace {

using test::HeatingBoard;
using test::ThermalModel;

// A board that full work would drive 25 degrees over its trip.
constexpr ThermalModel kSmallBoard{.ambient = 30,
                                   .trip = 80,
                                   .idle_watts = 2,
                                   .busy_watts = 8,
                                   .die_resistance = 1.5,
                                   .die_seconds = 3,
                                   .sink_resistance = 6,
                                   .sink_seconds = 200,
                                   .sensor_lag = 2};

// What a run of some seconds showed.
struct Seen {
  double least = 1;
  double most = 0;
  double mean = 0;
  double hottest = -300;
  bool refused = false;
  std::string reasons;  // Each once.
};

class Governor {
 public:
  explicit Governor(const ThermalModel& model, GovernorBudget budget = {}) : board(model), budget_(budget) {}

  // `lie` may change what the sensors say.
  Seen run(
      int seconds, const std::function<void(Vitals&)>& lie = [](Vitals&) {}) {
    Seen run;
    for (int second = 0; second < seconds; ++second) {
      Vitals vitals = board.vitals();
      lie(vitals);
      const Governed governed = govern(board.facts(), vitals, budget_, history_);
      history_ = governed.history;
      const double share = governed.pace.work_share;
      board.run(busy ? share : 0);
      run.least = std::min(run.least, share);
      run.most = std::max(run.most, share);
      run.mean += share / seconds;
      run.hottest = std::max(run.hottest, board.die());
      run.refused |= !governed.pace.admit;
      const std::string reason(governed.pace.reason);
      if (!reason.empty() && run.reasons.find(reason) == std::string::npos) run.reasons += reason + ";";
    }
    return run;
  }

  HeatingBoard board;
  bool busy = true;

 private:
  GovernorBudget budget_;
  GovernorHistory history_;
};

TEST(Governor, AnHourOfHeatingAndCooling) {
  Governor governor(kSmallBoard);
  const Seen first = governor.run(1200);
  EXPECT_GT(first.mean, 0.9 * kSmallBoard.best_constant());
  EXPECT_LT(first.hottest, kSmallBoard.trip);
  const Seen settled = governor.run(600);
  EXPECT_NEAR(settled.mean, kSmallBoard.best_constant(), 0.06);
  EXPECT_LT(settled.most - settled.least, 0.1) << "no oscillation";
  EXPECT_FALSE(settled.refused);
  EXPECT_EQ(settled.reasons, "temperature;");
  governor.busy = false;
  const Seen cooling = governor.run(900);
  EXPECT_GT(cooling.most, 0.99) << "what has cooled may go at full speed again";
  governor.busy = true;
  const Seen again = governor.run(900);
  EXPECT_LT(again.hottest, kSmallBoard.trip);
}

TEST(Governor, FullSpeedNeedsNoReason) {
  ThermalModel cool = kSmallBoard;
  cool.ambient = 0;
  cool.trip = 95;
  Governor governor(cool);
  (void)governor.run(300);
  const Seen run = governor.run(600);
  EXPECT_EQ(run.least, 1);
  EXPECT_EQ(run.reasons, "");
}

TEST(Governor, AFanThatFailsCostsSpeedAndNoThrottling) {
  ThermalModel cooled = kSmallBoard;
  cooled.sink_resistance = 3;
  Governor governor(cooled);
  EXPECT_GT(governor.run(1200).mean, 0.9);
  governor.board.model().sink_resistance = 8;
  governor.board.model().sink_seconds = 400;
  const Seen after = governor.run(1800);
  EXPECT_LT(after.hottest, cooled.trip);
  EXPECT_NEAR(governor.run(600).mean, governor.board.model().best_constant(), 0.06);
}

TEST(Governor, WorkIsRefusedWhereEvenIdlingIsTooHot) {
  ThermalModel oven = kSmallBoard;
  oven.ambient = 70;
  Governor governor(oven);
  const Seen run = governor.run(900);
  EXPECT_TRUE(run.refused);
  EXPECT_GE(run.least, 0.05) << "what runs goes on, slowly";
  EXPECT_NE(run.reasons.find("too hot;"), std::string::npos);
  governor.board.model().ambient = 30;
  (void)governor.run(1200);
  EXPECT_FALSE(governor.run(300).refused) << "and is taken again";
}

TEST(Governor, ASensorThatSticksIsNotBelieved) {
  Governor governor(kSmallBoard);
  std::uint64_t ticks = 0;
  std::uint64_t busy_ticks = 0;
  double load = 0;
  const auto stuck_at_45 = [&](Vitals& vitals) {
    vitals.temperatures[0] = MilliCelsius{45'000};
    vitals.cpu_time = CpuTime{busy_ticks += static_cast<std::uint64_t>(load * 100), ticks += 100};
  };
  load = 0.05;
  governor.busy = false;
  EXPECT_EQ(governor.run(120, stuck_at_45).reasons.find("sticks"), std::string::npos) << "an idle board may be steady";
  load = 0.95;
  governor.busy = true;
  const Seen run = governor.run(300, stuck_at_45);
  EXPECT_NE(run.reasons.find("the temperature sensor sticks;"), std::string::npos);
  EXPECT_LE(governor.run(60, stuck_at_45).most, 0.5);
  EXPECT_GT(governor.run(60, stuck_at_45).least, 0) << "nothing stops silently";
}

TEST(Governor, AMissingSensorIsNoReasonToHurryOrToStop) {
  Governor with(kSmallBoard);
  (void)with.run(600);
  const auto lose = [](Vitals& vitals) { vitals.temperatures[0].reset(); };
  const Seen lost = with.run(300, lose);
  EXPECT_LE(lost.most, 0.5);
  EXPECT_GT(lost.least, 0);
  EXPECT_EQ(lost.reasons, "no temperature any more;");
  EXPECT_EQ(with.run(600).reasons.find("no temperature"), std::string::npos) << "it is back";
  Governor never(kSmallBoard);
  const Seen run = never.run(300, lose);
  EXPECT_EQ(run.least, 1) << "a board that never told a temperature has nothing to be steered by";
  EXPECT_EQ(run.reasons, "");
}

TEST(Governor, ABrownOutIsAnsweredAtOnceAndForgottenLater) {
  Governor governor(kSmallBoard);
  (void)governor.run(60);
  const Seen weak = governor.run(5, [](Vitals& vitals) { vitals.under_voltage = true; });
  EXPECT_LE(weak.most, 0.4);
  EXPECT_EQ(weak.reasons, "the supply is weak;");
  const Seen after = governor.run(120, [](Vitals& vitals) { vitals.under_voltage = false; });
  EXPECT_LE(after.least, 0.4) << "a minute long";
  EXPECT_GT(after.most, 0.4);
}

TEST(Governor, ThrottlingThatTheBoardCountsIsBelieved) {
  Governor governor(kSmallBoard);
  (void)governor.run(60, [](Vitals& vitals) { vitals.throttle_events = 7; });
  const Seen run = governor.run(5, [](Vitals& vitals) { vitals.throttle_events = 8; });
  EXPECT_LE(run.most, 0.4);
  EXPECT_EQ(run.reasons, "the board slowed down;");
}

TEST(Governor, TheAveragePowerStaysUnderItsBudget) {
  ThermalModel cool = kSmallBoard;
  cool.ambient = 0;
  Governor governor(cool, {.power = Milliwatts{6000}});
  (void)governor.run(300);
  double watts = 0;
  for (int i = 0; i < 600; ++i) {
    (void)governor.run(1);
    watts += static_cast<double>(governor.board.vitals().rail_powers[0]->count) / 1e3 / 600;
  }
  EXPECT_LE(watts, 6.0);
  EXPECT_GE(watts, 5.7) << "and is used";
  EXPECT_EQ(governor.run(1).reasons, "power budget;");
}

TEST(ModulePower, IsTheWholeElseTheSumOfItsParts) {
  Facts facts;
  facts.power_rails = {{"VDD_IN", true}, {"VDD_SOC", false}, {"VDD_CPU", false}};
  Vitals vitals;
  vitals.rail_powers = {Milliwatts{5000}, Milliwatts{1000}, Milliwatts{2000}};
  EXPECT_EQ(module_power(facts, vitals)->power, Milliwatts{5000});
  EXPECT_TRUE(module_power(facts, vitals)->whole);
  vitals.rail_powers[0].reset();
  EXPECT_FALSE(module_power(facts, vitals)) << "another quantity must not take its place";
  facts.power_rails[0].whole_module = false;
  EXPECT_EQ(module_power(facts, vitals)->power, Milliwatts{3000});
  EXPECT_FALSE(module_power(facts, vitals)->whole);
}

}  // namespace
}  // namespace linnet::hal
