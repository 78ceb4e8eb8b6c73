#include "runtime/mqtt/topics.h"

#include <gtest/gtest.h>

namespace linnet::mqtt {
namespace {

const DeviceAddress kDevice{"linnet", "home", "n1"};

TEST(Topics, CommandsToThisDeviceAndItsPoolAreTakenApart) {
  const auto direct = parse_request_topic(kDevice, "linnet/1/home/n1/req/alice/infer");
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->who, "alice");
  EXPECT_EQ(direct->operation, "infer");
  EXPECT_TRUE(direct->pool_model.empty());
  const auto pool = parse_request_topic(kDevice, "linnet/1/home/pool/pilot/bob/infer");
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->pool_model, "pilot");
  EXPECT_EQ(pool->who, "bob");
}

TEST(Topics, AnOperationOfAnyNameIsACommandToBeAnswered) {
  for (const char* operation : {"INFER", "infer ", "\xC3\xA9", "status-"}) {
    const std::string topic = std::string("linnet/1/home/n1/req/alice/") + operation;
    const auto parsed = parse_request_topic(kDevice, topic);
    ASSERT_TRUE(parsed) << operation;
    EXPECT_EQ(parsed->operation, operation);
  }
}

TEST(Topics, EverythingElseIsNotACommand) {
  for (const char* topic :
       {"", "linnet/1/home/n1/req/alice", "linnet/1/home/n1/req/alice/infer/", "linnet/1/home/n1/req/alice/infer/x",
        "linnet/1/home/n2/req/alice/infer", "linnet/1/other/n1/req/alice/infer", "linnet/2/home/n1/req/alice/infer",
        "linnet/1/home/n1/rsp/alice/infer", "linnet/1/home/n1/req/Alice/infer", "linnet/1/home/n1/req//infer",
        "linnet/1/home/n1/req/+/infer", "linnet/1/home/pool/pilot/infer", "linnet/1/home/n1/req/a\tb/infer"}) {
    EXPECT_FALSE(parse_request_topic(kDevice, topic)) << topic;
  }
}

TEST(Topics, WhatDevicesOfAGroupSayOfThemselvesIsTakenApart) {
  const auto said = parse_device_topic({"linnet", "home", ""}, "linnet/1/home/n2/model/current");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->node, "n2");
  EXPECT_EQ(said->tail, "model/current");
  for (const char* topic : {"", "linnet/1/home", "linnet/1/home/n2", "linnet/1/home/n2/", "linnet/1/home//avail",
                            "linnet/1/homes/n2/avail", "linnet/2/home/n2/avail", "linnet/1/home/N2/avail"}) {
    EXPECT_FALSE(parse_device_topic({"linnet", "home", ""}, topic)) << topic;
  }
}

TEST(Topics, AddressesAreChecked) {
  EXPECT_TRUE(check_address(kDevice));
  EXPECT_FALSE(check_address({"linnet", "home", "pool"}));
  EXPECT_FALSE(check_address({"linnet", "home", "UPPER"}));
  EXPECT_FALSE(check_address({"linnet", "", "n1"}));
  EXPECT_FALSE(check_address({"linnet", "home", std::string(64, 'a')}));
  EXPECT_FALSE(check_address({"lin/net", "home", "n1"}));
}

TEST(Topics, FiltersFollowTheTree) {
  EXPECT_EQ(request_filter(kDevice), "linnet/1/home/n1/req/+/+");
  EXPECT_EQ(pool_filter(kDevice, "gpu", "pilot"), "$share/gpu/linnet/1/home/pool/pilot/+/infer");
  EXPECT_EQ(default_reply_topic(kDevice, "alice", "x1"), "linnet/1/home/n1/rsp/alice/x1");
}

TEST(Topics, NobodyMakesTheDeviceAnswerWhereTheBrokerWouldEndItsConnection) {
  const std::string own = "linnet/1/home/n1/rsp/alice/";
  const auto deep = [](std::size_t levels) {
    std::string text = "q";
    for (std::size_t i = 1; i < levels; ++i) text += "/q";
    return text;
  };
  EXPECT_TRUE(may_reply_to(kDevice, "alice", own + deep(kMostLevels - 6), ""));
  EXPECT_FALSE(may_reply_to(kDevice, "alice", own + deep(kMostLevels - 5), ""));
  EXPECT_FALSE(may_reply_to(kDevice, "alice", "apps/" + deep(kMostLevels), "apps/"));
  EXPECT_TRUE(may_reply_to(kDevice, "alice", own + std::string(kLongestTopic - own.size(), 'x'), ""));
  EXPECT_FALSE(may_reply_to(kDevice, "alice", own + std::string(kLongestTopic - own.size() + 1, 'x'), ""));
  for (const char* bad : {"\x01", "a\x7f", "\xff", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(may_reply_to(kDevice, "alice", own + bad, "")) << bad;
  }
  EXPECT_FALSE(may_reply_to(kDevice, "alice", own + std::string("a\0b", 3), ""));
  EXPECT_TRUE(may_reply_to(kDevice, "alice", own + "\xc3\xa9", ""));
}

TEST(Topics, NobodyMakesTheDeviceAnswerElsewhere) {
  EXPECT_TRUE(may_reply_to(kDevice, "alice", "linnet/1/home/n1/rsp/alice/q", ""));
  EXPECT_TRUE(may_reply_to(kDevice, "alice", "apps/alice/inbox", "apps/"));
  for (const char* topic :
       {"linnet/1/home/n1/rsp/bob/q", "linnet/1/home/n1/rsp/alice/", "linnet/1/home/n1/req/alice/gpio",
        "linnet/1/home/n1/rsp/alice/+", "linnet/1/home/n1/rsp/alice/#", "$SYS/broker", "", "apps/x"}) {
    EXPECT_FALSE(may_reply_to(kDevice, "alice", topic, "")) << topic;
  }
}

}  // namespace
}  // namespace linnet::mqtt
