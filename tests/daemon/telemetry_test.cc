#include "runtime/daemon/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "hal/sim/sim_board.h"
#include "tests/source_tree.h"

namespace linnet::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kBoard = R"(
name = "b"
[facts]
zones = [{ name = "cpu" }, { name = "gpu" }]
rails = [{ name = "VDD_IN", whole_module = true }, { name = "VDD_SOC" }]
[[vitals]]
temperatures = { cpu = 45500 }
rails = { VDD_IN = 5000, VDD_SOC = 900 }
)";

class TelemetryTest : public testing::Test {
 protected:
  std::map<std::string, double> snapshot(int second) {
    hal::Vitals vitals = board_->empty_vitals();
    board_->sample(vitals);
    TelemetrySources sources;
    sources.counters = &counters_;
    sources.generation = &generation_;
    sources.tariff = tariff_;
    return telemetry_.snapshot(sources, board_->facts(), vitals, Clock::time_point(seconds(1000 + second)));
  }

  std::unique_ptr<hal::SimBoard> board_ = *hal::SimBoard::parse(kBoard, "b");
  ServiceCounters counters_;
  GenerationFigures generation_;
  Telemetry telemetry_;
  double tariff_ = 0;
};

TEST_F(TelemetryTest, RatesAreOverTheTimeBetweenSnapshots) {
  auto first = snapshot(0);
  EXPECT_FALSE(first.contains("tokens_per_second")) << "one snapshot has no rate";
  counters_.received += 20;
  JobReport report;
  report.tokens = 50;
  report.first_token = microseconds(20000);
  report.total = seconds(5);
  report.log_probability = -25;
  report.prompt_tokens = 400;
  report.reused_tokens = 300;
  generation_.record(report, microseconds(1000));
  auto second = snapshot(10);
  EXPECT_DOUBLE_EQ(second["tokens_per_second"], 5);
  EXPECT_DOUBLE_EQ(second["requests_per_second"], 2);
  EXPECT_DOUBLE_EQ(second["utilisation"], 0.5);
  EXPECT_DOUBLE_EQ(second["mean_log_probability"], -0.5);
  EXPECT_NEAR(second["first_token_p99_ms"], 20, 7);
  EXPECT_DOUBLE_EQ(second["prefix_hits"], 1);
  EXPECT_DOUBLE_EQ(second["prefix_tokens"], 300);
  EXPECT_DOUBLE_EQ(second["prefix_share"], 0.75);
  auto third = snapshot(20);
  EXPECT_DOUBLE_EQ(third["tokens_per_second"], 0);
  EXPECT_DOUBLE_EQ(third["prefix_tokens"], 300) << "since the start";
  EXPECT_FALSE(third.contains("prefix_share")) << "of no prompts there is no share";
  EXPECT_FALSE(third.contains("first_token_p99_ms")) << "percentiles are of what came since";
}

TEST_F(TelemetryTest, EnergyIsTheModulesRailAndAbsentSensorsAreAbsent) {
  (void)snapshot(0);
  auto figures = snapshot(10);
  EXPECT_DOUBLE_EQ(figures["power_w"], 5) << "the parts are not added to the whole";
  EXPECT_DOUBLE_EQ(figures["energy_j"], 50);
  EXPECT_EQ(figures["power_measured"], 1);
  EXPECT_FALSE(figures.contains("joules_per_token")) << "no token was made";
  EXPECT_FALSE(figures.contains("energy_cost")) << "nobody said what energy costs";
  EXPECT_DOUBLE_EQ(figures["temperature_c"], 45.5);
  EXPECT_FALSE(figures.contains("throttle_events"));
  EXPECT_FALSE(figures.contains("memory_available_bytes"));
}

TEST_F(TelemetryTest, EnergyHasAPriceAndIsSharedByTokens) {
  (void)snapshot(0);
  JobReport report;
  report.tokens = 25;
  generation_.record(report, microseconds(1000));
  tariff_ = 0.36;
  auto figures = snapshot(10);
  EXPECT_DOUBLE_EQ(figures["joules_per_token"], 2) << "50 J, 25 tokens";
  EXPECT_DOUBLE_EQ(figures["energy_cost"], 50 / 3.6e6 * 0.36);
  EXPECT_FALSE(snapshot(20).contains("joules_per_token"));
}

TEST_F(TelemetryTest, CountersSinceBootBecomeRates) {
  TelemetrySources sources;
  sources.counters = &counters_;
  sources.generation = &generation_;
  hal::Vitals vitals = board_->empty_vitals();
  const auto figures_at = [&](int second, hal::CpuTime cpu, hal::Traffic network) {
    vitals.cpu_time = cpu;
    vitals.network = network;
    return telemetry_.snapshot(sources, board_->facts(), vitals, Clock::time_point(seconds(1000 + second)));
  };
  EXPECT_FALSE(figures_at(0, {50, 100}, {Bytes{1000}, Bytes{500}}).contains("cpu_used")) << "one snapshot has no rate";
  auto second = figures_at(10, {80, 200}, {Bytes{3000}, Bytes{600}});
  EXPECT_DOUBLE_EQ(second["cpu_used"], 0.3);
  EXPECT_DOUBLE_EQ(second["network_received_bytes_per_second"], 200);
  EXPECT_DOUBLE_EQ(second["network_sent_bytes_per_second"], 10);
  EXPECT_FALSE(figures_at(20, {90, 300}, {Bytes{10}, Bytes{700}}).contains("network_sent_bytes_per_second"))
      << "an interface left";
}

// Everything that can be measured, measured.
std::map<std::string, double> every_figure(Telemetry& telemetry, ServiceCounters& counters,
                                           GenerationFigures& generation) {
  TelemetrySources sources;
  sources.counters = &counters;
  sources.generation = &generation;
  sources.flushes.commits = 1;
  sources.planned_memory = sources.anonymous_memory = sources.mapped_memory = Bytes{1};
  sources.storage_used = sources.budget_used = 0.5;
  hal::Facts facts;
  facts.power_rails = {{"VDD_IN", true}};
  hal::Vitals vitals;
  vitals.memory_available = vitals.cgroup_limit = vitals.cgroup_usage = Bytes{1};
  vitals.cpu_pressure = vitals.memory_pressure = vitals.cgroup_pressure = vitals.io_pressure = hal::Pressure{1, 1};
  vitals.temperatures = {MilliCelsius{40000}};
  vitals.rail_powers = {Milliwatts{5000}};
  vitals.throttle_events = 1;
  std::map<std::string, double> figures;
  for (const int second : {1, 2}) {
    vitals.cpu_time = hal::CpuTime{static_cast<std::uint64_t>(second), static_cast<std::uint64_t>(2 * second)};
    vitals.network = hal::Traffic{Bytes{1}, Bytes{1}};
    JobReport report;
    report.tokens = 2;
    report.prompt_tokens = 2;
    generation.record(report, microseconds(1));
    generation.record_token_gap(microseconds(1));
    generation.record_consistency(1);
    figures = telemetry.snapshot(sources, facts, vitals, Clock::time_point(seconds(1000 + second)));
  }
  return figures;
}

TEST_F(TelemetryTest, EveryFigureIsInTheManual) {
  std::ifstream file(test::source_tree() / "docs/metrics.md");
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  const auto figures = every_figure(telemetry_, counters_, generation_);
  EXPECT_GT(figures.size(), 35u);
  for (const auto& [name, value] : figures) EXPECT_THAT(manual, HasSubstr("`" + name + "`")) << value;
  std::string prometheus;
  write_prometheus(prometheus, figures, counters_, generation_.totals(), "n");
  std::istringstream lines(prometheus);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string metric = line.substr(7, line.find(' ', 7) - 7);
    EXPECT_THAT(manual, HasSubstr("`" + metric)) << "Prometheus";
  }
}

// The names in `text` that begin with "linnet_", a histogram's without what Prometheus adds.
std::set<std::string> metrics_in(const std::string& text) {
  std::set<std::string> names;
  const std::regex metric("linnet_[a-z_]+");
  for (std::sregex_iterator at(text.begin(), text.end(), metric), end; at != end; ++at) {
    const std::string name = at->str();
    names.insert(name.ends_with("_bucket") ? name.substr(0, name.rfind('_')) : name);
  }
  return names;
}

TEST_F(TelemetryTest, TheDashboardShowsWhatIsExportedAndAsksForNothingElse) {
  const auto figures = every_figure(telemetry_, counters_, generation_);
  std::string prometheus;
  write_prometheus(prometheus, figures, counters_, generation_.totals(), "n");
  std::set<std::string> exported;
  std::istringstream lines(prometheus);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) exported.merge(metrics_in(line));
  }
  std::ifstream file(test::source_tree() / "packaging/grafana/linnet.json");
  const auto dashboard = nlohmann::json::parse(file);
  std::set<std::string> asked;
  for (const auto& panel : dashboard["panels"]) {
    if (panel["type"] == "row") continue;
    EXPECT_FALSE(panel["targets"].empty()) << panel["title"];
    for (const auto& target : panel["targets"]) asked.merge(metrics_in(target["expr"].get<std::string>()));
  }
  EXPECT_EQ(asked, exported);
}

TEST_F(TelemetryTest, FiguresAreJson) {
  std::string out;
  write_figures(out, {{"a", 1.5}, {"b", 2}}, "\"epoch\":3,");
  const auto json = nlohmann::json::parse(out);
  EXPECT_EQ(json["epoch"], 3);
  EXPECT_EQ(json["a"], 1.5);
  write_figures(out, {}, "");
  EXPECT_EQ(out, "{}");
  write_figures(out, {}, "\"epoch\":3,");
  EXPECT_EQ(out, "{\"epoch\":3}");
}

TEST_F(TelemetryTest, PrometheusTextHasTypesAndCumulativeBuckets) {
  generation_.record_token_gap(microseconds(500));
  generation_.record_token_gap(seconds(2));
  counters_.done = 7;
  std::string out;
  write_prometheus(out, snapshot(0), counters_, generation_.totals(), "n1");
  EXPECT_THAT(out, HasSubstr("linnet_requests_total{node=\"n1\",kind=\"done\"} 7\n"));
  EXPECT_THAT(out, HasSubstr("linnet_between_tokens_seconds_count{node=\"n1\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("linnet_between_tokens_seconds_bucket{node=\"n1\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("# TYPE linnet_temperature_celsius gauge\n"));
  std::istringstream lines(out);
  std::uint64_t last = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("linnet_between_tokens_seconds_bucket")) continue;
    const auto count = std::stoull(line.substr(line.rfind(' ')));
    EXPECT_GE(count, last);
    last = count;
  }
}

}  // namespace
}  // namespace linnet::daemon
