#include "hal/sim/sim_board.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace linnet::hal {
namespace {

constexpr std::string_view kBoard = R"(
name = "Test board"
[facts]
cores = 4
memory = "4G"
cpu = ["neon", "dotprod"]
zones = [{ name = "cpu", passive = 80000 }]
rails = [{ name = "VDD_IN", whole_module = true }]
[[line]]
name = "LAMP"
[[line]]
name = "STUCK"
fail = "io"
[[line]]
name = "DOOR"
[[edge]]
line = "DOOR"
at_ms = 5
active = true
[[vitals]]
at_ms = 0
memory_available = "2G"
temperatures = { cpu = 45000 }
rails = { VDD_IN = 5200 }
cpu_time = { busy = 20, total = 100 }
network = { received = 3000, sent = 40 }
[[vitals]]
at_ms = 30
memory_available = "1G"
)";

TEST(SimBoard, PlaysFactsAndVitals) {
  const auto board = SimBoard::parse(kBoard, "board.toml");
  ASSERT_TRUE(board) << board.error().message;
  EXPECT_EQ((*board)->facts().name, "Test board");
  EXPECT_EQ((*board)->facts().cores.size(), 4u);
  EXPECT_TRUE((*board)->facts().cpu.dotprod);
  Vitals vitals = (*board)->empty_vitals();
  (*board)->sample(vitals);
  EXPECT_EQ(vitals.temperatures[0], MilliCelsius{45000});
  EXPECT_EQ(vitals.rail_powers[0], Milliwatts{5200});
  EXPECT_EQ(vitals.cpu_time->busy, 20u);
  EXPECT_EQ(vitals.network->sent.count, 40u);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  (*board)->sample(vitals);
  EXPECT_EQ(vitals.memory_available->count, 1ull << 30);
  EXPECT_FALSE(vitals.temperatures[0].has_value()) << "a sensor that the entry does not name is absent";
}

TEST(SimBoard, RecordsWhatIsDoneToLinesAndRestoresTheSafeState) {
  const auto board = SimBoard::parse(kBoard, "board.toml");
  ASSERT_TRUE(board);
  {
    LineSettings settings{.name = "LAMP", .direction = Direction::kOutput};
    auto lamp = (*board)->gpio()->request(settings);
    ASSERT_TRUE(lamp);
    EXPECT_EQ((*board)->gpio()->request(settings).error().kind, ErrorKind::kBusy);
    ASSERT_TRUE((*lamp)->set_active(true));
    EXPECT_TRUE(*(*lamp)->active());
  }
  const auto changes = (*board)->line_changes();
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_TRUE(changes[1].active);
  EXPECT_TRUE(changes[2].released);
  EXPECT_FALSE(changes[2].active);
}

TEST(SimBoard, AppendsWhatIsDoneToLinesToAFile) {
  const std::string path = testing::TempDir() + "line_record";
  std::filesystem::remove(path);
  const std::string toml = "name = \"x\"\nrecord = \"" + path + "\"\n[[line]]\nname = \"LAMP\"";
  for (int run = 0; run < 2; ++run) {
    const auto board = SimBoard::parse(toml, "board.toml");
    ASSERT_TRUE(board) << board.error().message;
    auto lamp = (*board)->gpio()->request({.name = "LAMP", .direction = Direction::kOutput});
    ASSERT_TRUE(lamp);
    ASSERT_TRUE((*lamp)->set_active(true));
  }
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string once = "LAMP inactive\nLAMP active\nLAMP inactive released\n";
  EXPECT_EQ(text.str(), once + once);
  EXPECT_EQ(SimBoard::parse("name = \"x\"\nrecord = \"/proc/none/x\"", "board.toml").error().kind, ErrorKind::kIo);
}

TEST(SimBoard, LinesFailAsTheFileSays) {
  const auto board = SimBoard::parse(kBoard, "board.toml");
  EXPECT_EQ((*board)->gpio()->request({.name = "STUCK"}).error().kind, ErrorKind::kIo);
  EXPECT_EQ((*board)->gpio()->request({.name = "NOWHERE"}).error().kind, ErrorKind::kAbsent);
}

TEST(SimBoard, InputsGiveTheEdgesOfTheScript) {
  const auto board = SimBoard::parse(kBoard, "board.toml");
  auto door = (*board)->gpio()->request({.name = "DOOR", .edges = EdgeDetection::kBoth});
  ASSERT_TRUE(door);
  const auto edge = (*door)->wait_edge(std::chrono::seconds(5));
  ASSERT_TRUE(edge && edge->has_value());
  EXPECT_TRUE((*edge)->rising);
  EXPECT_TRUE(*(*door)->active());
  EXPECT_FALSE((*door)->wait_edge(std::chrono::milliseconds(1))->has_value());
  EXPECT_EQ((*door)->set_active(true).error().kind, ErrorKind::kUnsupported);
}

TEST(SimBoard, FaultsNameTheLine) {
  const struct {
    const char* toml;
    const char* part;
  } cases[] = {
      {"name = \"x\"\n[facts]\ncores = \"four\"", "board.toml:3"},
      {"name = ", "board.toml:1"},
      {"[facts]\n", "'name' is missing"},
      {"name = \"x\"\n[facts]\ncpu = [\"mmx\"]", "mmx"},
      {"name = \"x\"\n[[edge]]\nline = \"A\"", "names no [[line]]"},
      {"name = \"x\"\n[[vitals]]\ntemperatures = { cpu = 1 }", "not among the board's facts"},
      {"name = \"x\"\n[[vitals]]\nnetwork = { received = 1 }", "the counters 'received' and 'sent'"},
      {"name = \"x\"\nrecord = 1", "'record'"},
      {"name = \"x\"\nline = 3", "array of tables"},
      {"name = \"x\"\n[facts]\nmemory = \"lots\"", "size"},
  };
  for (const auto& c : cases) {
    const auto board = SimBoard::parse(c.toml, "board.toml");
    ASSERT_FALSE(board) << c.toml;
    EXPECT_EQ(board.error().kind, ErrorKind::kMalformed);
    EXPECT_NE(board.error().message.find(c.part), std::string::npos) << board.error().message;
  }
}

}  // namespace
}  // namespace linnet::hal
