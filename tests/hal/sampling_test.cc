// Sampling a board takes no memory after the first time: counted by an allocator that is linked into this program.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "hal/governor.h"
#include "hal/linux/linux_board.h"
#include "hal/linux/record.h"
#include "tests/source_tree.h"

extern "C" std::uint64_t linnet_allocation_count();

namespace linnet::hal {
namespace {

TEST(Sampling, AllocatesNothingAfterTheFirstTime) {
  for (const auto& entry : std::filesystem::directory_iterator(test::source_tree() / "tests/data/boards")) {
    if (!entry.is_directory()) continue;
    const auto board = make_linux_board({.root = entry.path().string(), .cpu = {}, .gpio = nullptr});
    Vitals vitals = board->empty_vitals();
    board->sample(vitals);
    const auto started = Clock::now();
    const auto before = linnet_allocation_count();
    GovernorHistory history;
    for (int i = 0; i < 100; ++i) {
      board->sample(vitals);
      history = govern(board->facts(), vitals, {}, history).history;
    }
    EXPECT_EQ(linnet_allocation_count() - before, 0u) << entry.path();
    std::printf("%-20s %.3f ms a sample\n", entry.path().filename().c_str(),
                milliseconds_between(started, Clock::now()) / 100);
  }
}

TEST(Sampling, SensorsThatAppearLaterAreFound) {
  const std::string root = testing::TempDir() + "late";
  std::filesystem::remove_all(root);
  const auto put = [&](const std::string& path, const char* content) {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << content << "\n";
  };
  put("/sys/class/thermal/thermal_zone0/type", "cpu-thermal");
  const auto board = make_linux_board({root, {}, nullptr});
  EXPECT_FALSE(board->look_for_sensors());
  put("/sys/class/hwmon/hwmon0/name", "ina3221");
  put("/sys/class/hwmon/hwmon0/in1_label", "VDD_IN");
  put("/sys/class/hwmon/hwmon0/in1_input", "5000");
  put("/sys/class/hwmon/hwmon0/curr1_input", "2000");
  ASSERT_TRUE(board->look_for_sensors());
  Vitals vitals = board->empty_vitals();
  board->sample(vitals);
  ASSERT_EQ(board->facts().power_rails.size(), 1u);
  EXPECT_EQ(vitals.rail_powers[0], Milliwatts{10'000});
}

TEST(Recording, GivesATreeThatIsTheSameBoard) {
  for (const auto& entry : std::filesystem::directory_iterator(test::source_tree() / "tests/data/boards")) {
    if (!entry.is_directory()) continue;
    const std::string copy = testing::TempDir() + "copy-" + entry.path().filename().string();
    std::filesystem::remove_all(copy);
    const auto files = record_board(entry.path().string(), copy);
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_GT(*files, 0u);
    const auto one = make_linux_board({entry.path().string(), {}, nullptr});
    const auto other = make_linux_board({copy, {}, nullptr});
    EXPECT_EQ(one->facts().name, other->facts().name);
    EXPECT_EQ(one->facts().family, other->facts().family);
    EXPECT_EQ(one->facts().cores.size(), other->facts().cores.size());
    EXPECT_EQ(one->facts().quota, other->facts().quota);
    Vitals before = one->empty_vitals();
    Vitals after = other->empty_vitals();
    one->sample(before);
    other->sample(after);
    EXPECT_EQ(before.temperatures, after.temperatures) << copy;
    EXPECT_EQ(before.rail_powers, after.rail_powers);
    EXPECT_EQ(before.cgroup_limit, after.cgroup_limit);
    EXPECT_EQ(before.cgroup_unreclaimable, after.cgroup_unreclaimable);
    EXPECT_EQ(before.under_voltage, after.under_voltage);
    EXPECT_EQ(before.throttle_events, after.throttle_events);
    EXPECT_FALSE(record_board(entry.path().string(), copy)) << "the folder holds something now";
  }
}

}  // namespace
}  // namespace linnet::hal
