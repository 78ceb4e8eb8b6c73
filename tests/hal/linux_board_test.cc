#include "hal/linux/linux_board.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "hal/linux/memory.h"
#include "hal/linux/sensor_file.h"
#include "hal/linux/usage.h"

namespace linnet::hal {
namespace {

// A tree of files under a folder of its own.
class RecordedTree {
 public:
  explicit RecordedTree(const std::string& name) : root_(testing::TempDir() + name) {
    std::filesystem::remove_all(root_);
  }

  void put(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << content;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ + path); }
  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  std::string root_;
};

// A Jetson Orin Nano's files, as far as they matter here (synthetic values, real names and units).
RecordedTree orin_tree() {
  RecordedTree tree("orin");
  tree.put("/proc/device-tree/model", std::string("NVIDIA Jetson Orin Nano Developer Kit\0", 38));
  tree.put("/proc/device-tree/compatible", std::string("nvidia,p3767-0005\0nvidia,tegra234\0", 34));
  tree.put("/proc/meminfo", "MemTotal:        7802648 kB\nMemFree: 100 kB\nMemAvailable:    5120000 kB\n");
  tree.put("/proc/pressure/memory",
           "some avg10=1.25 avg60=0.10 avg300=0.00 total=123\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=9\n");
  tree.put("/proc/stat", "cpu  100 5 40 800 30 3 2 9 0 0\ncpu0 1 2 3\n");
  for (const char* device : {"eth0", "wlan0"}) {
    const std::string folder = std::string("/sys/class/net/") + device;
    tree.put(folder + "/device/uevent", "DRIVER=x\n");
    tree.put(folder + "/statistics/rx_bytes", "4000000000\n");
    tree.put(folder + "/statistics/tx_bytes", "250\n");
  }
  tree.put("/sys/class/net/lo/statistics/rx_bytes", "7\n");
  tree.put("/sys/class/net/lo/statistics/tx_bytes", "7\n");
  tree.put("/sys/devices/system/cpu/online", "0-1,4\n");
  for (const char* cpu : {"cpu0", "cpu1", "cpu4"}) {
    const std::string folder = std::string("/sys/devices/system/cpu/") + cpu;
    tree.put(folder + "/cpufreq/related_cpus", std::string(cpu) == "cpu4" ? "4 5\n" : "0 1\n");
    tree.put(folder + "/cpufreq/cpuinfo_max_freq", "1510400\n");
    tree.put(folder + "/cpufreq/scaling_cur_freq", "729600\n");
    tree.put(folder + "/cpu_capacity", "1024\n");
  }
  tree.put("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  tree.put("/sys/class/thermal/thermal_zone0/temp", "48531\n");
  tree.put("/sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
  tree.put("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "99000\n");
  tree.put("/sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n");
  tree.put("/sys/class/thermal/thermal_zone0/trip_point_1_temp", "104500\n");
  tree.put("/sys/class/thermal/thermal_zone1/type", "gpu-thermal\n");  // Gated: no temp can be read.
  tree.put("/sys/class/hwmon/hwmon1/name", "ina3221\n");
  tree.put("/sys/class/hwmon/hwmon1/in1_label", "VDD_IN\n");
  tree.put("/sys/class/hwmon/hwmon1/in1_input", "5000\n");
  tree.put("/sys/class/hwmon/hwmon1/curr1_input", "1200\n");
  tree.put("/sys/class/hwmon/hwmon1/in2_label", "NC\n");
  tree.put("/sys/class/hwmon/hwmon2/name", "soctherm_oc\n");
  tree.put("/sys/class/hwmon/hwmon2/oc1_event_cnt", "2\n");
  tree.put("/sys/class/hwmon/hwmon2/oc3_event_cnt", "5\n");
  return tree;
}

TEST(LinuxBoard, ReadsTheFactsOfARecordedJetson) {
  const RecordedTree tree = orin_tree();
  const auto board = make_linux_board({tree.root(), {}, nullptr});
  const Facts& facts = board->facts();
  EXPECT_EQ(facts.name, "NVIDIA Jetson Orin Nano Developer Kit");
  EXPECT_EQ(facts.memory.count, 7802648ull * 1024);
  ASSERT_EQ(facts.cores.size(), 3u);
  EXPECT_EQ(facts.cores[2].number, 4u);
  EXPECT_NE(facts.cores[2].cluster, facts.cores[0].cluster);
  EXPECT_EQ(facts.cores[0].max_frequency, Kilohertz{1510400});
  ASSERT_EQ(facts.thermal_zones.size(), 2u);
  ASSERT_EQ(facts.thermal_zones[0].trips.size(), 2u);
  EXPECT_EQ(facts.thermal_zones[0].trips[0].temperature, MilliCelsius{99000});
  ASSERT_EQ(facts.power_rails.size(), 1u);
  EXPECT_TRUE(facts.power_rails[0].whole_module);
  EXPECT_EQ(board->gpio(), nullptr);
}

TEST(LinuxBoard, SamplesAndLeavesFailedSensorsAbsent) {
  const RecordedTree tree = orin_tree();
  const auto board = make_linux_board({tree.root(), {}, nullptr});
  Vitals vitals = board->empty_vitals();
  board->sample(vitals);
  EXPECT_EQ(vitals.memory_available->count, 5120000ull * 1024);
  EXPECT_EQ(vitals.temperatures[0], MilliCelsius{48531});
  EXPECT_FALSE(vitals.temperatures[1].has_value());
  EXPECT_EQ(vitals.rail_powers[0], Milliwatts{6000});
  EXPECT_EQ(vitals.frequencies[2], Kilohertz{729600});
  EXPECT_EQ(vitals.throttle_events, 7u);
  EXPECT_DOUBLE_EQ(vitals.memory_pressure->some, 1.25);
  EXPECT_DOUBLE_EQ(vitals.memory_pressure->full, 0.5);
  EXPECT_FALSE(vitals.cpu_pressure.has_value());
  ASSERT_TRUE(vitals.cpu_time);
  EXPECT_EQ(vitals.cpu_time->busy, 150u) << "user, nice, system and both kinds of interrupts";
  EXPECT_EQ(vitals.cpu_time->total, 980u) << "and idle and waiting, not what a hypervisor took";
  ASSERT_TRUE(vitals.network);
  EXPECT_EQ(vitals.network->received.count, 8000000000u) << "two devices, not the loopback";
  EXPECT_EQ(vitals.network->sent.count, 500u);
}

TEST(CpuTime, NonsenseIsAbsent) {
  for (const char* text : {"", "cpu ", "cpu  1 2 3\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 x 4 5 6 7\n"}) {
    EXPECT_FALSE(parse_cpu_time(text)) << text;
  }
}

TEST(LinuxBoard, ASensorThatAppearsLaterIsRead) {
  const RecordedTree tree = orin_tree();
  const auto board = make_linux_board({tree.root(), {}, nullptr});
  Vitals vitals = board->empty_vitals();
  board->sample(vitals);
  ASSERT_FALSE(vitals.temperatures[1].has_value());
  tree.put("/sys/class/thermal/thermal_zone1/temp", "51000\n");
  board->sample(vitals);
  EXPECT_EQ(vitals.temperatures[1], MilliCelsius{51000});
}

TEST(LinuxBoard, AnEmptyTreeIsAnUnknownBoardWithOneCore) {
  const auto board = make_linux_board({testing::TempDir() + "no-such-root", {}, nullptr});
  EXPECT_EQ(board->facts().name, "unknown");
  EXPECT_EQ(board->facts().cores.size(), 1u);
  Vitals vitals = board->empty_vitals();
  board->sample(vitals);
  EXPECT_FALSE(vitals.memory_available.has_value());
}

TEST(MemoryGroup, TheTightestLimitOnTheWayUpCountsInV2) {
  const RecordedTree tree("cgroup2");
  tree.put("/proc/self/cgroup", "0::/system.slice/linnetd.service\n");
  tree.put("/sys/fs/cgroup/system.slice/memory.max", "2000000000\n");
  tree.put("/sys/fs/cgroup/system.slice/memory.current", "700\n");
  tree.put("/sys/fs/cgroup/system.slice/linnetd.service/memory.max", "max\n");
  auto group = find_memory_group(tree.root());
  ASSERT_TRUE(group);
  EXPECT_EQ(group->limit.number(), 2000000000);
  EXPECT_EQ(group->usage.number(), 700);
}

TEST(MemoryGroup, V1WithoutALimitIsNone) {
  const RecordedTree tree("cgroup1");
  tree.put("/proc/self/cgroup", "4:memory:/a\n1:cpu:/\n0::/\n");
  tree.put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(find_memory_group(tree.root()));
  tree.put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576\n");
  EXPECT_TRUE(find_memory_group(tree.root()));
}

TEST(CpuList, ReadsRangesAndRefusesNonsense) {
  EXPECT_EQ(parse_cpu_list("0-2,5\n"), (std::vector<unsigned>{0, 1, 2, 5}));
  EXPECT_TRUE(parse_cpu_list("").empty());
  EXPECT_TRUE(parse_cpu_list("0-4000000000").empty());
  EXPECT_TRUE(parse_cpu_list("7-3").empty());
}

}  // namespace
}  // namespace linnet::hal
