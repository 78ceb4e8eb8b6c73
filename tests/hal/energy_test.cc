#include "hal/energy.h"

#include <gtest/gtest.h>

#include "hal/sim/sim_board.h"

namespace linnet::hal {
namespace {

class Sum : public testing::Test {
 protected:
  Sum() { facts_.power_rails = {{"VDD_IN", true}, {"VDD_SOC", false}}; }

  void add(int milliseconds, std::optional<int> whole, std::optional<int> part) {
    Vitals vitals;
    vitals.time = Clock::time_point(std::chrono::milliseconds(milliseconds));
    vitals.rail_powers = {whole ? std::optional(Milliwatts{*whole}) : std::nullopt,
                          part ? std::optional(Milliwatts{*part}) : std::nullopt};
    sum_.add(facts_, vitals);
  }

  Facts facts_;
  EnergySum sum_;
};

TEST_F(Sum, IsPowerOverTimeOfTheWholeModule) {
  add(0, 9000, 1);
  EXPECT_EQ(sum_.energy().source, EnergySource::kAbsent) << "no time has passed";
  add(500, 5000, 900);
  add(1500, 7000, 900);
  EXPECT_EQ(sum_.energy().source, EnergySource::kMeasured);
  EXPECT_DOUBLE_EQ(*sum_.energy().joules, 2.5 + 7);
}

TEST_F(Sum, OfPartsIsAnEstimate) {
  facts_.power_rails[0].whole_module = false;
  add(0, 1000, 500);
  add(1000, 1000, 500);
  EXPECT_EQ(sum_.energy().source, EnergySource::kEstimated);
  EXPECT_DOUBLE_EQ(*sum_.energy().joules, 1.5);
}

TEST_F(Sum, AGapMakesItUnknown) {
  add(0, 5000, {});
  add(1000, {}, 900);
  add(2000, 5000, 900);
  EXPECT_EQ(sum_.energy().source, EnergySource::kAbsent);
  EXPECT_FALSE(sum_.energy().joules);
}

TEST(EnergyProbe, SamplesABoardWhileItLives) {
  constexpr std::string_view kBoard = R"(
name = "b"
[facts]
rails = [{ name = "VDD_IN", whole_module = true }]
[[vitals]]
rails = { VDD_IN = 4000 }
)";
  const auto started = Clock::now();
  EnergyProbe probe(*SimBoard::parse(kBoard, "b"));
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  const Energy energy = probe.so_far();
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  ASSERT_EQ(energy.source, EnergySource::kMeasured);
  EXPECT_GE(*energy.joules, 4 * 0.24);
  EXPECT_LE(*energy.joules, 4 * seconds);
}

TEST(EnergyProbe, ABoardWithoutRailsHasNone) {
  EnergyProbe probe(*SimBoard::parse("name = \"b\"", "b"));
  EXPECT_EQ(probe.so_far().source, EnergySource::kAbsent);
  EXPECT_EQ(to_string(probe.so_far().source), "absent");
}

}  // namespace
}  // namespace linnet::hal
