// Who is refused what, where they are told, and what is no command at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/daemon/audit_trail.h"
#include "runtime/daemon/pacer.h"
#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

TEST_F(ServiceTest, StrangersAndLesserRolesAreRefused) {
  send("mallory", "infer", infer("r1"));
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
  send("eve", "infer", infer("r1"));
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
  EXPECT_EQ(recorder_.sent.back().body()["id"], "r1");
  send("eve", "status", {{"id", "s"}});
  EXPECT_EQ(recorder_.sent.back().body()["result"]["ok"], true);
  send("bob", "gpio", {{"id", "g"}, {"args", {{"line", "LAMP"}, {"active", true}}}});
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
  send("alice", "reboot", {{"id", "x"}});
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x83);
  for (const char* operation : {"cfg", "config", "job"}) {
    send("alice", operation, {{"id", "y"}, {"args", {{"roles", {{"alice", "root"}}}}}});
    EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x83) << "nothing of the configuration is taken over MQTT";
  }
  EXPECT_EQ(service_->counters().accepted, 0u);
}

TEST_F(ServiceTest, RefusalsGoToTheResponseTopicEvenBeforeTheIdIsRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"linnet/1/home/n1/req/eve/infer", R"({"id":"r1"})"},  // The role.
      {"linnet/1/home/n1/req/eve/reboot", "{}"},             // The operation.
      {"linnet/1/home/n1/req/bob/infer", "no JSON"},
  };
  for (const auto& [topic, payload] : cases) {
    const std::string who = std::string(topic).find("/eve/") == std::string::npos ? "bob" : "eve";
    const std::string answers = "linnet/1/home/n1/rsp/" + who + "/here";
    IncomingMessage message;
    message.topic = topic;
    message.payload = payload;
    message.response_topic = answers;
    service_->receive(message);
    EXPECT_EQ(recorder_.sent.back().body()["status"], "rejected");
    EXPECT_EQ(recorder_.sent.back().topic, answers);
    message.response_topic = "linnet/1/home/n1/rsp/alice/there";
    service_->receive(message);
    const std::string id = recorder_.sent.back().body()["id"];
    EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/" + who + "/" + (id.empty() ? "none" : id))
        << "never to another's folder";
  }
}

TEST_F(ServiceTest, NobodySendsAnswersElsewhereOrCancelsForAnother) {
  Json request = infer("r1");
  request["reply_topic"] = "linnet/1/home/n1/rsp/bob/r1";
  send("alice", "infer", request);
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
  send("alice", "infer", infer("r2"));
  send("bob", "cancel", {{"id", "c"}, {"args", {{"id", "r2"}}}});
  EXPECT_EQ(recorder_.sent.back().body()["result"], "unknown");
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("r2").back()["status"], "done");
}

TEST_F(ServiceTest, NobodyHasAnswersSentWhereTheBrokerEndsTheConnection) {
  std::string deep = "linnet/1/home/n1/rsp/alice/r";
  for (int i = 0; i < 250; ++i) deep += "/r";
  Json request = infer("r1");
  for (const std::string& topic : {deep, "linnet/1/home/n1/rsp/alice/" + std::string(70'000, 'x'),
                                   std::string("linnet/1/home/n1/rsp/alice/\x01")}) {
    request["reply_topic"] = topic;
    send("alice", "infer", request);
    EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
    EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/alice/r1") << "the refusal goes elsewhere too";
    const std::string payload = infer("r2").dump();
    IncomingMessage message;
    message.topic = "linnet/1/home/n1/req/alice/status";
    message.payload = payload;
    message.response_topic = topic;
    service_->receive(message);
    EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/alice/r2");
  }
  EXPECT_EQ(service_->counters().accepted, 0u);
}

TEST_F(ServiceTest, AFullQueueAnswersBusyAndLeavesThePool) {
  options_.admission.waiting = 4;
  start();
  for (int i = 0; i < 4; ++i) send("alice", "infer", infer("r" + std::to_string(i)));
  EXPECT_FALSE(service_->wants_pool_work());
  send("bob", "infer", infer("late"));
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x89);
  EXPECT_GT(recorder_.sent.back().body()["retry_after_ms"], 0);
  service_->run_next(milliseconds(0));
  service_->run_next(milliseconds(0));
  EXPECT_TRUE(service_->wants_pool_work());
  send("bob", "infer", infer("late"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("late").back()["status"], "done") << "a rejected id may be asked again";
}

TEST_F(ServiceTest, AsTheDaysEnergyRunsOutTheLeastUrgentIsRefusedFirst) {
  Pacer pacer;
  options_.pacer = &pacer;
  start();
  const auto refused = [&](const std::string& id, const char* priority) {
    Json request = infer(id);
    request["prio"] = priority;
    send("alice", "infer", request);
    const auto body = recorder_.of(id).back();
    if (body["status"] != "rejected") return false;
    EXPECT_EQ(body["rc"], 0x97);
    EXPECT_EQ(body["reason"], "the energy of the day is kept for more urgent work");
    EXPECT_GT(body["retry_after_ms"], 0);
    return true;
  };
  EXPECT_FALSE(refused("l1", "low"));
  pacer.note_budget(0.85);
  EXPECT_TRUE(refused("l2", "low"));
  EXPECT_FALSE(refused("n1", "normal"));
  pacer.note_budget(0.95);
  EXPECT_TRUE(refused("n2", "normal"));
  EXPECT_FALSE(refused("h1", "high"));
  pacer.note_budget(0.1);
  EXPECT_FALSE(refused("l3", "low"));
  service_.reset();  // Before the pacer.
}

TEST_F(ServiceTest, ThePoolTakesInferenceOnly) {
  send_raw("linnet/1/home/pool/pilot/alice/infer", infer("p1").dump());
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("p1").back()["status"], "done");
  send_raw("linnet/1/home/pool/pilot/alice/gpio", R"({"id":"p2","args":{"line":"LAMP","active":true}})");
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87);
}

TEST_F(ServiceTest, RetainedAndForeignMessagesAreNoCommands) {
  IncomingMessage message;
  const std::string payload = infer("r1").dump();
  message.topic = "linnet/1/home/n1/req/alice/infer";
  message.payload = payload;
  message.retained = true;
  service_->receive(message);
  send_raw("linnet/1/home/n2/req/alice/infer", payload);
  EXPECT_TRUE(recorder_.sent.empty());
}

TEST_F(ServiceTest, OverHighWaterAPoolRequestIsToldWhenToComeBack) {
  options_.admission.waiting = 8;
  start();
  for (int i = 0; i < 7; ++i) send("alice", "infer", infer("r" + std::to_string(i)));
  send_raw("linnet/1/home/pool/pilot/bob/infer", infer("p1").dump());
  EXPECT_EQ(recorder_.of("p1").back()["rc"], 0x89);
  EXPECT_GT(recorder_.of("p1").back()["retry_after_ms"], 0);
  send("bob", "infer", infer("own"));
  EXPECT_EQ(recorder_.of("own").back()["status"], "accepted") << "there is room for those who asked this device";
}

TEST_F(ServiceTest, RefusalsAreKeptForAnOperator) {
  auto trail = AuditTrail::open(":memory:", ":memory:");
  ASSERT_TRUE(trail);
  options_.audit = &*trail;
  start();
  send("mallory", "infer", infer("r1"));
  send("alice", "gpio", {{"id", "g"}, {"args", {{"line", "LAMP"}, {"active", true}}}});
  service_->run_next(milliseconds(0));
  const Json records = Json::parse(trail->last(10).value());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["who"], "mallory");
  EXPECT_EQ(records[0]["id"], "r1");
  EXPECT_THAT(records[0]["result"].get<std::string>(), testing::StartsWith("refused"));
  EXPECT_EQ(records[1]["result"], "done");
  EXPECT_GT(records[1]["at"], 1000000);
  send("bob", "audit", {{"id", "a"}});
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x87) << "for operators";
}

TEST_F(ServiceTest, AClientsRateHoldsForReplaysToo) {
  options_.admission.requests_per_second = 1;
  options_.admission.burst = 5;
  start();
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  const Json replay = {{"id", "p"}, {"args", {{"id", "r1"}}}};
  for (int i = 0; i < 4; ++i) {
    send("alice", "replay", replay);
    EXPECT_EQ(recorder_.sent.back().body()["status"], "done") << i;
  }
  send("alice", "replay", replay);
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x97);
  EXPECT_GT(recorder_.sent.back().body()["retry_after_ms"], 0);
  send("bob", "replay", {{"id", "p"}, {"args", {{"id", "r1"}}}});
  EXPECT_NE(recorder_.sent.back().body()["rc"], 0x97) << "the rate is each client's own";
}

TEST_F(ServiceTest, AFloodOfRefusalsDoesNotWashAwayWhatWasDone) {
  auto trail = AuditTrail::open(":memory:", ":memory:");
  ASSERT_TRUE(trail);
  options_.audit = &*trail;
  start();
  send("alice", "gpio", {{"id", "g"}, {"args", {{"line", "LAMP"}, {"active", true}}}});
  service_->run_next(milliseconds(0));
  for (int i = 0; i < 1200; ++i) send("mallory", "infer", infer("r" + std::to_string(i)));
  const Json records = Json::parse(trail->last(1000).value());
  const auto is_act = [](const Json& record) { return record["who"] == "alice"; };
  EXPECT_EQ(std::count_if(records.begin(), records.end(), is_act), 1);
  EXPECT_EQ(records.size(), static_cast<std::size_t>(AuditTrail::kMost) + 1);
}

}  // namespace
}  // namespace linnet::daemon
