#include "runtime/daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace linnet::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kWhole = R"(
state_directory = "/tmp/linnet"
[device]
group = "home"
node = "n1"
[mqtt]
host = "broker.lan"
port = 8883
username = "n1"
password_file = "/run/credentials/mqtt"
pool = "gpu"
pool_models = ["pilot"]
[mqtt.tls]
ca = "/etc/ssl/ca.pem"
[engine]
threads = 2
memory_budget = "512M"
device = "cpu"
kv_cache = "q8"
mlock = true
huge_pages = true
read_ahead = true
governor = false
power_budget_w = 7.5
[models.pilot]
path = "/usr/share/linnet/pilot.gguf"
idle_unload_s = 60
load_at_start = true
[lines.BEDROOM_LIGHT]
active_low = true
remote = true
[[rules]]
name = "bedroom off"
when = { intent = "iot_hue_lightoff", "slots.house_place" = "bedroom" }
line = "BEDROOM_LIGHT"
active = false
minimum_confidence = 0.8
[roles]
alice = "operator"
[alarms.temperature_c]
raise = 70
)";

// A pipe cannot be mapped.
TEST(Config, FilesAreReadAndNotMapped) {
  const std::string path = testing::TempDir() + "config-pipe";
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path) << kWhole; });
  const auto config = load_config(path);
  writer.join();
  EXPECT_TRUE(config) << config.error().front();
  const auto absent = load_config(path + "-absent");
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error(), ElementsAre(HasSubstr("No such file")));
  EXPECT_FALSE(load_config(testing::TempDir())) << "a folder";
}

TEST(Config, OnlyInputsAreWatched) {
  const auto config = parse_config(
      "[lines.BUTTON]\ndirection = \"input\"\nedges = \"both\"\ndebounce_us = 5000\nbias = \"pull-up\"\n", "f");
  ASSERT_TRUE(config) << config.error().front();
  const auto& settings = config->lines.at("BUTTON").settings;
  EXPECT_EQ(settings.edges, hal::EdgeDetection::kBoth);
  EXPECT_EQ(settings.debounce, std::chrono::microseconds(5000));
  for (const char* key : {"edges = \"rising\"", "debounce_us = 1"}) {
    const auto refused = parse_config("[lines.LAMP]\n" + std::string(key) + "\n", "f");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error(), ElementsAre(HasSubstr("is an output")));
  }
  EXPECT_FALSE(parse_config("[lines.B]\ndirection = \"input\"\nedges = \"up\"\n", "f"));
}

TEST(Config, AWholeFileIsRead) {
  const auto config = parse_config(kWhole, "linnetd.toml");
  ASSERT_TRUE(config) << config.error().front();
  EXPECT_EQ(config->address.node, "n1");
  EXPECT_EQ(config->mqtt.port, 8883);
  EXPECT_EQ(config->mqtt.client_id, "linnet-home-n1");
  ASSERT_TRUE(config->mqtt.tls);
  EXPECT_EQ(config->memory_budget->count, 512ull << 20);
  EXPECT_EQ(config->device, engine::DeviceChoice::kCpu);
  EXPECT_EQ(config->cache_format, kernels::CacheFormat::kQ8);
  EXPECT_TRUE(config->memory.lock && config->memory.huge_pages && config->memory.read_ahead);
  EXPECT_FALSE(config->governor);
  EXPECT_EQ(config->power_budget, Milliwatts{7500});
  EXPECT_EQ(config->default_model, "pilot") << "the only model is the default";
  EXPECT_TRUE(config->lines.at("BEDROOM_LIGHT").settings.active_low);
  EXPECT_EQ(config->rules[0].when.at("slots.house_place"), "bedroom");
  EXPECT_EQ(config->rules[0].action.active, false);
  EXPECT_TRUE(config->roles.allows("alice", OperationKind::kGpio));
  const auto& alarms = config->alarms;
  const auto hot = std::find_if(alarms.begin(), alarms.end(), [](const auto& a) { return a.name == "temperature_c"; });
  EXPECT_EQ(hot->raise, 70);
  EXPECT_LE(hot->clear, 70);
}

TEST(Config, AnEmptyFileIsValidAndOpensNothing) {
  const auto config = parse_config("", "linnetd.toml");
  ASSERT_TRUE(config);
  EXPECT_TRUE(is_topic_id(config->address.node)) << config->address.node;
  EXPECT_FALSE(config->roles.allows("root", OperationKind::kStatus)) << "deny by default";
}

TEST(Config, EveryFaultIsToldWithItsLineAndWhatIsAccepted) {
  const auto config =
      parse_config("[mqtt]\nport = 0\nhots = \"x\"\n[roles]\nalice = \"king\"\n[lines.A]\nbias = \"up\"\n", "c.toml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error(), testing::UnorderedElementsAre(
                                  HasSubstr("c.toml:2: 'mqtt.port' must be a whole number from 1 to 65535"),
                                  HasSubstr("c.toml:3: unknown key 'mqtt.hots'"), HasSubstr("viewer, requester"),
                                  HasSubstr("c.toml:7: 'lines.A.bias' must be one of \"as-is\"")));
}

TEST(Config, PartsThatDoNotFitTogetherAreRefused) {
  const struct {
    const char* toml;
    const char* part;
  } cases[] = {
      {"[device]\nnode = \"pool\"", "reserved"},
      {"[device]\nnode = \"UPPER\"", "a-z"},
      {"[engine]\ndefault_model = \"x\"", "names no configured model"},
      {"[models.x]\n", "needs a 'path'"},
      {"[mqtt.tls]\n", "'mqtt.tls.ca' is needed"},
      {"[mqtt.tls]\nca = \"a\"\nkey = \"k\"", "belong together"},
      {"[[rules]]\nname = \"r\"\nline = \"L\"\n[rules.when]\nintent = \"x\"", "names no configured line"},
      {"[lines.L]\n[[rules]]\nname = \"r\"\nline = \"L\"", "needs 'when'"},
      {"[[rules]]\nname = \"r\"\n[rules.when]\na = \"b\"", "either 'line' or 'topic'"},
      {"[alarms.fun]\nraise = 1", "no alarm 'fun'"},
      {"[alarms.utilisation]\nraise = 0.5\nclear = 0.6", "'clear' must not be over"},
      {"[engine]\nmemory_budget = \"lots\"", "is not a size"},
      {"[engine]\ndevice = \"gpu\"", "must be auto, cpu or cuda"},
      {"[engine]\nkv_cache = \"q4\"", "must be f16 or q8"},
      {"models = 3", "tables with names"},
      {"rules = 3", "array of tables"},
      {"= 3", "c.toml:1"},
  };
  for (const auto& c : cases) {
    const auto config = parse_config(c.toml, "c.toml");
    ASSERT_FALSE(config) << c.toml;
    EXPECT_THAT(config.error().front(), HasSubstr(c.part)) << c.toml;
  }
}

TEST(Config, AdditionsComeOverTheFileInOrder) {
  const std::filesystem::path folder = testing::TempDir() + "config";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "conf.d");
  std::ofstream(folder / "linnetd.toml") << "[mqtt]\nhost = \"a\"\nport = 1\n";
  std::ofstream(folder / "conf.d" / "10.toml") << "[mqtt]\nhost = \"b\"\n";
  std::ofstream(folder / "conf.d" / "20.toml") << "[mqtt]\nhost = \"c\"\n";
  std::ofstream(folder / "conf.d" / "notes.txt") << "not read";
  const auto config = load_config((folder / "linnetd.toml").string());
  ASSERT_TRUE(config);
  EXPECT_EQ(config->mqtt.host, "c");
  EXPECT_EQ(config->mqtt.port, 1);
  std::ofstream(folder / "conf.d" / "30.toml") << "\n\n[mqtt]\nport = \"x\"\n";
  const auto broken = load_config((folder / "linnetd.toml").string());
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error(), ElementsAre(HasSubstr("30.toml:4")));
  EXPECT_FALSE(load_config("/nowhere.toml"));
}

}  // namespace
}  // namespace linnet::daemon
