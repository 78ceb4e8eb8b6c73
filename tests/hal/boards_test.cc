// What Linnet knows of each board, from the trees of tests/data/boards: facts, one snapshot, and where threads go.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "hal/cpu.h"
#include "hal/cpu_decode.h"
#include "hal/linux/linux_board.h"
#include "hal/placement.h"
#include "tests/source_tree.h"

namespace linnet::hal {
namespace {

std::string tree_of(const std::string& board) { return (test::source_tree() / "tests/data/boards" / board).string(); }

std::unique_ptr<Board> recorded(const std::string& board) {
  return make_linux_board({.root = tree_of(board), .cpu = {}, .gpio = nullptr});
}

Vitals sampled(Board& board) {
  Vitals vitals = board.empty_vitals();
  board.sample(vitals);
  return vitals;
}

std::vector<unsigned> all_cores(const Facts& facts) {
  std::vector<unsigned> cores;
  for (const Core& core : facts.cores) cores.push_back(core.number);
  return cores;
}

// Zones and rails by name, with the readings: "cpu-thermal 48531/99000".
template <class Named, class Unit>
std::optional<Unit> reading(const std::vector<Named>& facts, const std::vector<std::optional<Unit>>& values,
                            std::string_view name) {
  const auto found = std::ranges::find(facts, name, &Named::name);
  if (found == facts.end()) return std::nullopt;
  return values[static_cast<std::size_t>(found - facts.begin())];
}

struct Expected {
  const char* tree;
  const char* family;
  std::size_t cores;
  const char* zone;  // That governs, and its reading and limit.
  std::int64_t millidegrees;
  std::int64_t throttles_at;
  const char* module_rail;  // Empty: there is none.
  std::int64_t milliwatts;
  std::size_t threads;
  const char* processor;
};

class KnownBoard : public testing::TestWithParam<Expected> {};

TEST_P(KnownBoard, TellsItsFactsAndASnapshot) {
  const Expected& expected = GetParam();
  const auto board = recorded(expected.tree);
  const Facts& facts = board->facts();
  const Vitals vitals = sampled(*board);
  EXPECT_EQ(facts.family, expected.family);
  EXPECT_EQ(facts.cores.size(), expected.cores);
  EXPECT_EQ(reading(facts.thermal_zones, vitals.temperatures, expected.zone), MilliCelsius{expected.millidegrees});
  const auto zone = std::ranges::find(facts.thermal_zones, expected.zone, &ThermalZone::name);
  ASSERT_NE(zone, facts.thermal_zones.end());
  EXPECT_EQ(zone->throttles_at(), MilliCelsius{expected.throttles_at});
  std::string module_rail;
  for (const PowerRail& rail : facts.power_rails) {
    EXPECT_NE(rail.name, "NC");
    EXPECT_NE(rail.name, "sum of shunt voltages");
    if (rail.whole_module) module_rail += rail.name;
  }
  EXPECT_EQ(module_rail, expected.module_rail) << "one rail at most is the whole module";
  if (!module_rail.empty()) {
    EXPECT_EQ(reading(facts.power_rails, vitals.rail_powers, module_rail), Milliwatts{expected.milliwatts});
  }
  EXPECT_EQ(place_threads(facts, all_cores(facts)).threads, expected.threads);
  EXPECT_EQ(cpu_model(tree_of(expected.tree)), expected.processor);
}

INSTANTIATE_TEST_SUITE_P(
    Trees, KnownBoard,
    testing::Values(
        Expected{"jetson-orin-nano", "Jetson Orin", 6, "tj-thermal", 49156, 99000, "VDD_IN", 5961, 6, "Cortex-A78AE"},
        Expected{"jetson-agx-orin", "Jetson Orin", 8, "tj-thermal", 49156, 99000, "", 0, 8, "Cortex-A78AE"},
        Expected{"jetson-xavier-nx", "Jetson Xavier", 4, "cpu-thermal", 48531, 99000, "VDD_IN", 4300, 4, "Carmel"},
        Expected{"jetson-thor", "Jetson Thor", 14, "tj-thermal", 49156, 99000, "VIN", 39600, 14, "Neoverse-V3AE"},
        Expected{"raspberry-pi-4", "Raspberry Pi", 4, "cpu-thermal", 51608, 80000, "", 0, 4, "Cortex-A72"},
        Expected{"raspberry-pi-5", "Raspberry Pi", 4, "cpu-thermal", 51608, 80000, "", 0, 4, "Cortex-A76"},
        Expected{"rk3588", "Rockchip RK3588", 8, "soc-thermal", 40692, 75000, "", 0, 3,
                 "4 x Cortex-A55, 4 x Cortex-A76"},
        Expected{"x86-laptop", "x86", 8, "coretemp Package id 0", 51000, 95000, "", 0, 2, "Intel(R) Core(TM) i5"}),
    [](const auto& instance) {
      std::string name = instance.param.tree;
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST(Boards, JetsonCountsThrottlingByCauseAndGatedZonesAreAbsent) {
  const auto board = recorded("jetson-orin-nano");
  const Vitals vitals = sampled(*board);
  EXPECT_EQ(vitals.throttle_events, 7u);
  const Facts& facts = board->facts();
  EXPECT_FALSE(reading(facts.thermal_zones, vitals.temperatures, "gpu-thermal"));
  EXPECT_FALSE(vitals.under_voltage) << "not told by this board";
}

TEST(Boards, RaspberryPiTellsAWeakSupply) {
  EXPECT_EQ(sampled(*recorded("raspberry-pi-4")).under_voltage, true);
  EXPECT_EQ(sampled(*recorded("raspberry-pi-5")).under_voltage, false);
}

TEST(Boards, RaspberryPiHasTheFirmwaresTripsAndItsKernelsOwn) {
  const auto board = recorded("raspberry-pi-5");
  const ThermalZone& zone = board->facts().thermal_zones.front();
  ASSERT_EQ(zone.trips.size(), 7u);
  for (const TripPoint& trip : zone.trips) {
    EXPECT_EQ(trip.documented, trip.kind == TripKind::kPassive || trip.kind == TripKind::kHot);
  }
}

TEST(Boards, RaplIsThePowerSinceTheLastSampleAndWraps) {
  const std::string folder = testing::TempDir() + "rapl/sys/class/powercap/intel-rapl:0";
  std::filesystem::create_directories(folder);
  const auto put = [&](const char* name, auto value) { std::ofstream(folder + "/" + name) << value << "\n"; };
  put("name", "package-0");
  put("max_energy_range_uj", 1'000'000);
  put("energy_uj", 999'000);
  const auto board = make_linux_board({testing::TempDir() + "rapl", {}, nullptr});
  Vitals vitals = sampled(*board);
  EXPECT_FALSE(vitals.rail_powers[0]) << "one reading of a counter is no power";
  const auto first = vitals.time;
  put("energy_uj", 4'000);  // 5,000 microjoules on, past the end.
  while (Clock::now() - first < std::chrono::milliseconds(5)) continue;
  board->sample(vitals);
  const auto seconds = std::chrono::duration<double>(vitals.time - first).count();
  EXPECT_NEAR(static_cast<double>(vitals.rail_powers[0]->count), 5.0 / seconds, 1.0 + 0.02 * 5.0 / seconds);
}

TEST(Boards, TheUnknownOneIsServedToo) {
  const auto board = recorded("unknown");
  EXPECT_EQ(board->facts().family, "unknown");
  EXPECT_EQ(board->facts().cores.size(), 1u);
  EXPECT_FALSE(sampled(*board).memory_available);
}

TEST(Boards, MemoryOfAGroupIsWhatCannotBeGivenBack) {
  const Vitals v2 = sampled(*recorded("x86-laptop"));
  EXPECT_EQ(v2.cgroup_limit->count, 2147483648u);
  EXPECT_EQ(v2.cgroup_unreclaimable->count, 97000000u) << "anonymous and the kernel's own, not page cache and slabs";
  EXPECT_DOUBLE_EQ(v2.cgroup_pressure->some, 12.5);
  const Vitals v1 = sampled(*recorded("rk3588"));
  EXPECT_EQ(v1.cgroup_limit->count, 4294967296u);
  EXPECT_EQ(v1.cgroup_unreclaimable->count, 150000000u) << "the usage less what the whole tree's page cache has";
  EXPECT_FALSE(v1.cgroup_pressure) << "v1 has none";
}

// Threads by what the mask, siblings, isolation, capacity and quota leave.
TEST(Placement, FollowsCapacityOnUnequalCores) {
  Facts facts = recorded("rk3588")->facts();
  ASSERT_DOUBLE_EQ(facts.quota.value_or(0), 3.5) << "v1's quota";
  facts.quota.reset();
  const Placement placement = place_threads(facts, all_cores(facts));
  EXPECT_EQ(placement.cores, (std::vector<unsigned>{4, 5, 6, 7}));
  EXPECT_EQ(placement.threads, 4u);
  EXPECT_EQ(place_threads(facts, std::vector<unsigned>{0, 1, 5}).cores, (std::vector<unsigned>{5}));
  EXPECT_EQ(place_threads(facts, std::vector<unsigned>{0, 1}).threads, 2u) << "equal among themselves";
}

TEST(Placement, TakesOneThreadOfACoreAndLeavesIsolatedOnes) {
  Facts facts = recorded("x86-laptop")->facts();
  ASSERT_DOUBLE_EQ(facts.quota.value_or(0), 2.5) << "v2's cpu.max";
  EXPECT_EQ(place_threads(facts, all_cores(facts)).threads, 2u) << "2.5 cores' worth of time keep two threads busy";
  facts.quota.reset();
  EXPECT_EQ(place_threads(facts, all_cores(facts)).cores, (std::vector<unsigned>{0, 2, 4}));
  EXPECT_EQ(place_threads(facts, std::vector<unsigned>{1, 2, 3}).cores, (std::vector<unsigned>{1, 2}))
      << "a second thread stands for its core where the first is not allowed";
  EXPECT_EQ(place_threads(facts, std::vector<unsigned>{6, 7}).cores, (std::vector<unsigned>{6})) << "asked for by name";
  facts.quota = 0.3;
  EXPECT_EQ(place_threads(facts, all_cores(facts)).threads, 1u);
}

TEST(Placement, WithoutFactsTheMaskIsAllThereIs) {
  EXPECT_EQ(place_threads(Facts{}, std::vector<unsigned>{3, 9}).threads, 2u);
  EXPECT_EQ(place_threads(Facts{}, std::vector<unsigned>{}).threads, 1u);
}

TEST(RecordedFeatures, AreReadFromCpuinfo) {
  const auto features = [](const char* board) {
    std::ifstream file(tree_of(board) + "/proc/cpuinfo");
    return parse_cpu_features(std::string(std::istreambuf_iterator<char>(file), {}));
  };
  EXPECT_EQ(features("raspberry-pi-4"), CpuFeatures{.neon = true});
  EXPECT_EQ(features("raspberry-pi-5"), (CpuFeatures{.neon = true, .dotprod = true}));
  EXPECT_EQ(features("jetson-thor"), (CpuFeatures{.neon = true, .dotprod = true, .i8mm = true, .sve2 = true}));
  EXPECT_EQ(features("x86-laptop"), (CpuFeatures{.avx2 = true, .avx_vnni = true}));
  EXPECT_EQ(features("unknown"), CpuFeatures{});
}

}  // namespace
}  // namespace linnet::hal
