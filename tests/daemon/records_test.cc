// What the device remembers of itself: figures of the time without a broker, audit records, energy, canaries.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/canary.h"
#include "runtime/daemon/energy_budget.h"
#include "runtime/daemon/energy_meter.h"
#include "runtime/daemon/telemetry_spool.h"

namespace linnet::daemon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string fresh_path(const std::string& name) {
  const std::string path = testing::TempDir() + "records-" + name;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  return path;
}

TelemetrySpool open_spool(const std::string& path, std::int64_t most = 100) {
  auto spool = TelemetrySpool::open(path, most);
  EXPECT_TRUE(spool) << spool.error().message;
  return *std::move(spool);
}

std::vector<std::string> texts_of(TelemetrySpool& spool, std::size_t limit = 100) {
  std::vector<std::string> texts;
  const auto entries = spool.oldest(limit);
  EXPECT_TRUE(entries);
  for (const auto& entry : *entries) texts.push_back(entry.text);
  return texts;
}

using Texts = std::vector<std::string>;

TEST(TelemetrySpool, GivesBackTheOldestFirstUntilTheyAreRemoved) {
  TelemetrySpool spool = open_spool(fresh_path("order"));
  for (const char* text : {"a", "b", "c"}) ASSERT_TRUE(spool.add(text));
  EXPECT_EQ(texts_of(spool, 2), (Texts{"a", "b"}));
  EXPECT_EQ(texts_of(spool, 2), (Texts{"a", "b"})) << "reading removes nothing";
  ASSERT_TRUE(spool.remove_up_to(spool.oldest(2)->back().sequence));
  EXPECT_EQ(texts_of(spool), (Texts{"c"}));
}

TEST(TelemetrySpool, KeepsTheNewestAndSurvivesItsProcess) {
  const std::string path = fresh_path("bound");
  {
    TelemetrySpool spool = open_spool(path, 3);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(spool.add(std::to_string(i)));
    EXPECT_EQ(texts_of(spool), (Texts{"7", "8", "9"}));
  }
  TelemetrySpool again = open_spool(path, 2);
  ASSERT_TRUE(again.add("10"));
  EXPECT_EQ(texts_of(again), (Texts{"9", "10"})) << "the limit of now holds";
}

TEST(TelemetrySpool, ADamagedFileIsBegunAnew) {
  const std::string path = fresh_path("damaged");
  std::ofstream(path) << std::string(8192, 'x');
  TelemetrySpool spool = open_spool(path);
  EXPECT_TRUE(texts_of(spool).empty());
  ASSERT_TRUE(spool.add("a"));
  EXPECT_EQ(texts_of(spool), (Texts{"a"}));
}

TEST(TelemetrySpool, ADamagedFrameDoesNotHoldUpTheOthers) {
  const std::string path = fresh_path("frame");
  {
    TelemetrySpool spool = open_spool(path);
    for (const char* text : {"a", "b"}) ASSERT_TRUE(spool.add(text));
  }
  {
    auto database = Database::open(path);
    ASSERT_TRUE(database);
    // The magic number of a frame, and then none.
    ASSERT_TRUE(database->execute("UPDATE figures SET frame = x'28B52FFDFFFFFFFF' WHERE sequence = 1"));
  }
  TelemetrySpool spool = open_spool(path);
  EXPECT_EQ(texts_of(spool), (Texts{"", "b"}));
}

TEST(AuditTrail, KeepsTheNewestAndGivesThemInOrder) {
  auto trail = AuditTrail::open(fresh_path("acts"), fresh_path("refusals"));
  ASSERT_TRUE(trail);
  EXPECT_EQ(trail->last(5).value(), "[]");
  const auto record = [](int at) { return "{\"at\":" + std::to_string(at) + ",\"n\":1}"; };
  for (int i = 0; i < AuditTrail::kMost + 5; ++i) {
    trail->add(AuditKind::kAct, record(2 * i));
    trail->add(AuditKind::kRefusal, record(2 * i + 1));
  }
  EXPECT_EQ(trail->last(3).value(), R"([{"at":1007,"n":1},{"at":1008,"n":1},{"at":1009,"n":1}])");
  const auto all = nlohmann::json::parse(trail->last(5000).value());
  ASSERT_EQ(all.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)]["at"], 10 + i);
}

class EnergyTest : public testing::Test {
 protected:
  EnergyTest() {
    facts_.power_rails = {{.name = "CPU"}, {.name = "VDD_IN", .whole_module = true}};
    vitals_.rail_powers = {Milliwatts{99000}, std::nullopt};
  }
  void sample(milliseconds at, std::optional<std::int64_t> milliwatts) {
    vitals_.rail_powers[1] = std::nullopt;
    if (milliwatts) vitals_.rail_powers[1] = Milliwatts{*milliwatts};
    meter_.sample(facts_, vitals_, start_ + at);
  }
  void sample_parts(milliseconds at, std::int64_t milliwatts) {
    facts_.power_rails[1].whole_module = false;
    sample(at, milliwatts);
  }
  std::optional<double> joules(milliseconds at) const { return meter_.joules(start_ + at); }

  hal::Facts facts_;
  hal::Vitals vitals_;
  EnergyMeter meter_;
  Clock::time_point start_{hours(1000)};
};

TEST_F(EnergyTest, SumsThePowerOfTheWholeModule) {
  EXPECT_FALSE(joules(seconds(0)));
  sample(seconds(0), 5000);
  EXPECT_DOUBLE_EQ(joules(seconds(0)).value(), 0);
  EXPECT_DOUBLE_EQ(joules(seconds(2)).value(), 10) << "between samples the power is that of the earlier one";
  sample(seconds(2), 8000);
  sample(milliseconds(2500), 2000);
  EXPECT_DOUBLE_EQ(joules(milliseconds(3500)).value(), 10 + 4 + 2);
}

TEST_F(EnergyTest, PartsGiveAnEstimateAndSaySo) {
  EXPECT_EQ(meter_.source(), hal::EnergySource::kAbsent);
  sample(seconds(0), 5000);
  EXPECT_EQ(meter_.source(), hal::EnergySource::kMeasured);
  sample(seconds(1), std::nullopt);
  EXPECT_EQ(meter_.source(), hal::EnergySource::kAbsent)
      << "the parts of a board that has a rail of the whole are no substitute";
  sample_parts(seconds(2), 1000);
  EXPECT_EQ(meter_.source(), hal::EnergySource::kEstimated);
  EXPECT_DOUBLE_EQ(joules(seconds(3)).value(), 5 + 99 + 1);
}

TEST_F(EnergyTest, OverAGapNothingIsKnown) {
  sample(seconds(0), 5000);
  sample(seconds(1), std::nullopt);
  EXPECT_FALSE(joules(seconds(1))) << "a sensor that fails is no power of 0";
  sample(seconds(9), 5000);
  EXPECT_DOUBLE_EQ(joules(seconds(10)).value(), 10) << "what was known before, and what came after";
}

TEST(EnergyBudget, IsOfTheLastDay) {
  const Clock::time_point start(hours(1000));
  EnergyBudget budget(10);  // 36,000 J.
  EXPECT_FALSE(budget.used());
  budget.sample(500, start);
  EXPECT_DOUBLE_EQ(budget.used().value(), 0) << "what was used before it looked is not known";
  budget.sample(500 + 9000, start + hours(1));
  budget.sample(std::nullopt, start + hours(2));
  budget.sample(500 + 18000, start + hours(3));
  EXPECT_DOUBLE_EQ(budget.used().value(), 0.5);
  budget.sample(500 + 18000, start + hours(24));
  EXPECT_DOUBLE_EQ(budget.used().value(), 0.5);
  budget.sample(500 + 18000, start + hours(25));
  EXPECT_DOUBLE_EQ(budget.used().value(), 0.25) << "the first hour's are a day old";
  budget.sample(500 + 18000, start + hours(100));
  EXPECT_DOUBLE_EQ(budget.used().value(), 0);
  budget.set(0);
  EXPECT_FALSE(budget.used());
}

TEST(EnergyBudget, ShedsTheLeastUrgentWorkFirst) {
  const auto shed = [](double used) {
    std::string gone;
    if (budget_sheds(used, Priority::kLow)) gone += 'l';
    if (budget_sheds(used, Priority::kNormal)) gone += 'n';
    if (budget_sheds(used, Priority::kHigh)) gone += 'h';
    return gone;
  };
  EXPECT_EQ(shed(0), "");
  EXPECT_EQ(shed(0.799), "");
  EXPECT_EQ(shed(0.8), "l");
  EXPECT_EQ(shed(0.9), "ln");
  EXPECT_EQ(shed(3), "ln") << "what is urgent is always taken";
  EXPECT_DOUBLE_EQ(cost_of(7.2e6, 0.4), 0.8);
}

// Says what it is told to.
class Oracle final : public Backend {
 public:
  std::size_t batch_limit() const override { return 1; }
  bool serves(std::string_view) const override { return true; }
  void run(std::span<const Job> jobs, JobListener& listener) override {
    asked.push_back(jobs[0].arguments->prompt);
    listener.on_text(jobs[0], text::AnswerPart::kText, answer, 1);
    listener.on_end(jobs[0], JobReport{});
  }
  std::string answer = "yes";
  Texts asked;
};

TEST(Canary, TellsTheShareOfAnswersThatStayed) {
  Oracle oracle;
  Canary canary({"a", "b"}, seconds(10));
  Clock::time_point now(hours(1));
  EXPECT_FALSE(canary.ask(oracle, "", now)) << "no model is loaded for it";
  EXPECT_FALSE(canary.ask(oracle, "m", now)) << "the first answers";
  EXPECT_FALSE(canary.ask(oracle, "m", now + seconds(9)));
  EXPECT_EQ(oracle.asked, (Texts{"a", "b"}));
  EXPECT_EQ(canary.ask(oracle, "m", now + seconds(10)), 1.0);
  oracle.answer = "no";
  EXPECT_EQ(canary.ask(oracle, "m", now + seconds(20)), 0.0);
}

TEST(Canary, NewQuestionsBeginAnewAndTheOldOnesGoOn) {
  Oracle oracle;
  Canary canary({"a"}, seconds(10));
  Clock::time_point now(hours(1));
  EXPECT_FALSE(canary.ask(oracle, "m", now));
  canary.configure({"a"}, seconds(5));
  EXPECT_EQ(canary.ask(oracle, "m", now + seconds(5)), 1.0) << "the period alone changed";
  canary.configure({"b"}, seconds(5));
  EXPECT_FALSE(canary.ask(oracle, "m", now + seconds(10)));
  EXPECT_EQ(oracle.asked, (Texts{"a", "a", "b"}));
  canary.configure({}, seconds(5));
  EXPECT_FALSE(canary.ask(oracle, "m", now + seconds(15)));
}

}  // namespace
}  // namespace linnet::daemon
