#include "runtime/cli/ctl/client_config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "runtime/cli/ctl/request_text.h"

namespace linnet::cli::ctl {
namespace {

class ClientConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "linnet-ctl-" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    for (const char* name : {"XDG_CONFIG_HOME", "LINNET_CTL_HOST", "LINNET_CTL_NODE", "LINNET_CTL_PASSWORD_FILE"}) {
      unsetenv(name);
    }
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  std::string folder_;
  CtlOptions options_;
};

TEST_F(ClientConfigTest, OptionsBeatTheEnvironmentBeatsTheFile) {
  write("linnet/ctl.toml", "host = \"file\"\nnode = \"file\"\nwho = \"file\"\nport = 99\n");
  setenv("LINNET_CTL_HOST", "environment", 1);
  setenv("LINNET_CTL_NODE", "environment", 1);
  options_.settings["node"] = "option";
  const auto endpoint = resolve_endpoint(options_);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->mqtt.host, "environment");
  EXPECT_EQ(endpoint->device.node, "option");
  EXPECT_EQ(endpoint->who, "file");
  EXPECT_EQ(endpoint->mqtt.port, 99);
  EXPECT_FALSE(endpoint->mqtt.tls);
}

TEST_F(ClientConfigTest, FilesAreFoundBesideTheFileThatNamesThem) {
  options_.config = write("c/ctl.toml", "ca = \"ca.crt\"\ncertificate = \"panel.crt\"\nkey = \"/keys/panel.key\"\n");
  const auto endpoint = resolve_endpoint(options_);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  ASSERT_TRUE(endpoint->mqtt.tls);
  EXPECT_EQ(endpoint->mqtt.tls->ca_file, folder_ + "/c/ca.crt");
  EXPECT_EQ(endpoint->mqtt.tls->key_file, "/keys/panel.key");
  EXPECT_EQ(endpoint->mqtt.port, 8883);
  EXPECT_EQ(endpoint->who, "panel") << "the certificate's name";
}

TEST_F(ClientConfigTest, ThePasswordIsTheFirstLineOfItsFile) {
  setenv("LINNET_CTL_PASSWORD_FILE", write("secret", "pass word\nmore\n").c_str(), 1);
  options_.settings["username"] = "panel";
  const auto endpoint = resolve_endpoint(options_);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->mqtt.password, "pass word");
}

TEST_F(ClientConfigTest, FaultsAreNamed) {
  const struct {
    const char* toml;
    const char* part;
  } cases[] = {
      {"host = ", "bad.toml:1"},
      {"host = \"a\"\nhots = \"b\"", "bad.toml:2: unknown key 'hots'"},
      {"host = [1]", "'host' must be"},
      {"port = 70000", "70000"},
      {"node = \"a/b\"", "a/b"},
      {"who = \"+\"", "--who"},
      {"certificate = \"x\"", "belong together"},
      {"node = \"pool\"", "reserved"},
  };
  for (const auto& c : cases) {
    options_.config = write("bad.toml", c.toml);
    const auto endpoint = resolve_endpoint(options_);
    ASSERT_FALSE(endpoint) << c.toml;
    EXPECT_EQ(endpoint.error().kind, ErrorKind::kUsage) << c.toml;
    EXPECT_NE(endpoint.error().message.find(c.part), std::string::npos) << endpoint.error().message;
  }
}

TEST(RequestText, IdsAreUlidsThatSortByAge) {
  const std::string id = fresh_id();
  EXPECT_TRUE(std::regex_match(id, std::regex("[0-7][0-9A-HJKMNP-TV-Z]{25}"))) << id;
  EXPECT_NE(fresh_id(), fresh_id());
}

TEST(RequestText, OnlyWhatWasAskedIsSent) {
  InferAction named;
  named.model = "tiny";
  EXPECT_EQ(infer_text("i", named, "hi").payload,
            R"({"id": "i", "args": {"prompt": "hi", "model": "tiny"}, "stream": true})");
  EXPECT_EQ(infer_text("i", InferAction{}, "say \"hi\"").payload,
            R"({"id": "i", "args": {"prompt": "say \"hi\""}, "stream": true})");
  InferAction full;
  full.system = "terse";
  full.max_tokens = 5;
  full.stop = {"\n"};
  full.deadline_s = 1.5;
  full.durable = true;
  EXPECT_EQ(
      infer_text("i", full, "p").payload,
      R"({"id": "i", "args": {"messages": [{"role": "system", "content": "terse"}, {"role": "user", "content": "p"}], )"
      R"("max_tokens": 5, "stop": ["\n"]}, "deadline_ms": 1500, "stream": true, "durable": true})");
  EXPECT_EQ(gpio_text("i", {"LAMP", false}).payload, R"({"id": "i", "args": {"line": "LAMP", "active": false}})");
  EXPECT_EQ(gpio_text("i", {"LAMP", {}}).payload, R"({"id": "i", "args": {"line": "LAMP"}})");
  EXPECT_EQ(replay_text("i", "t", 3).payload, R"({"id": "i", "args": {"id": "t", "from_seq": 3}})");
}

}  // namespace
}  // namespace linnet::cli::ctl
