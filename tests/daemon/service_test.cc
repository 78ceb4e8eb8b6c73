#include "runtime/daemon/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/daemon/audit_trail.h"
#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

TEST_F(ServiceTest, ARequestIsAcceptedStreamedAndDoneOnce) {
  send("alice", "infer", infer("r1"));
  ASSERT_TRUE(service_->run_next(milliseconds(0)));
  const auto messages = recorder_.of("r1");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0]["status"], "accepted");
  EXPECT_EQ(messages[1]["seq"], 0);
  EXPECT_EQ(messages[1]["text"], "Hello world");
  EXPECT_EQ(messages[2]["status"], "done");
  EXPECT_EQ(messages[2]["text"], "Hello world");
  EXPECT_EQ(messages[2]["n_chunks"], 1);
  EXPECT_EQ(messages[2]["tokens"], 3);
  EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/alice/r1");
  EXPECT_EQ(recorder_.sent.back().correlation, "c1");
  EXPECT_EQ(recorder_.sent.back().qos, 1);
  EXPECT_EQ(service_->counters().done, 1u);
}

TEST_F(ServiceTest, TheChunksMakeTheText) {
  parrot_.script.assign(100, "ab ");
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  std::string text;
  std::uint64_t next = 0;
  const auto messages = recorder_.of("r1");
  for (const Json& m : messages) {
    if (!m.contains("seq")) continue;
    EXPECT_EQ(m["seq"], next++);
    text += m["text"];
  }
  EXPECT_GT(next, 5u);
  EXPECT_EQ(text, messages.back()["text"]);
  EXPECT_EQ(messages.back()["n_chunks"], next);
}

TEST_F(ServiceTest, ADuplicateIsAnsweredWithTheSameBytesAndNotRunAgain) {
  send("alice", "infer", infer("r1"));
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(parrot_.batches.size(), 1u);
  const std::string first = recorder_.sent.back().bytes;
  send("alice", "infer", infer("r1"));
  EXPECT_EQ(recorder_.sent.back().bytes, first);
  EXPECT_FALSE(service_->run_next(milliseconds(0)) && parrot_.batches.size() > 1);
  EXPECT_EQ(service_->counters().duplicates, 2u);
}

TEST_F(ServiceTest, OutcomesAgeWhileTheDeviceRunsAndNotWhenItsClockIsSet) {
  const Json drive = {{"id", "g1"}, {"args", {{"line", "LAMP"}, {"active", true}}}};
  const auto settle = [this] {
    service_->run_next(milliseconds(0));
    acknowledge_all();
    service_->tick();
  };
  const auto drives_again = [&] {
    const auto before = service_->counters().accepted.load();
    send("alice", "gpio", drive);
    settle();
    return service_->counters().accepted.load() > before;
  };
  EXPECT_TRUE(drives_again());
  clock_.wall_at_boot += std::chrono::hours(24 * 365 * 40);  // From 1970, by NTP.
  clock_.time += seconds(120);
  settle();
  EXPECT_FALSE(drives_again());
  clock_.time = seconds(5);  // Another boot.
  start();
  clock_.time += std::chrono::hours(23);
  settle();
  EXPECT_FALSE(drives_again());
  clock_.time += std::chrono::hours(2);
  settle();
  EXPECT_TRUE(drives_again()) << "a day of running is over, and the id is free again";
}

TEST_F(ServiceTest, SeveralRequestsRunAsABatch) {
  for (const char* id : {"1", "2", "3"}) send("alice", "infer", infer(id));
  service_->run_next(milliseconds(0));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(parrot_.batches, (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(service_->counters().done, 3u);
}

TEST_F(ServiceTest, StrangersAndLesserRolesAreRefused) {
  send("mallory", "infer", infer("r1"));
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87);
  send("eve", "infer", infer("r1"));
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87);
  EXPECT_EQ(recorder_.sent.back().body["id"], "r1");
  send("eve", "status", {{"id", "s"}});
  EXPECT_EQ(recorder_.sent.back().body["result"]["ok"], true);
  send("bob", "gpio", {{"id", "g"}, {"args", {{"line", "LAMP"}, {"active", true}}}});
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87);
  send("alice", "reboot", {{"id", "x"}});
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x83);
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
    EXPECT_EQ(recorder_.sent.back().body["status"], "rejected");
    EXPECT_EQ(recorder_.sent.back().topic, answers);
    message.response_topic = "linnet/1/home/n1/rsp/alice/there";
    service_->receive(message);
    const std::string id = recorder_.sent.back().body["id"];
    EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/" + who + "/" + (id.empty() ? "none" : id))
        << "never to another's folder";
  }
}

TEST_F(ServiceTest, NobodySendsAnswersElsewhereOrCancelsForAnother) {
  Json request = infer("r1");
  request["reply_topic"] = "linnet/1/home/n1/rsp/bob/r1";
  send("alice", "infer", request);
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87);
  send("alice", "infer", infer("r2"));
  send("bob", "cancel", {{"id", "c"}, {"args", {{"id", "r2"}}}});
  EXPECT_EQ(recorder_.sent.back().body["result"], "unknown");
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("r2").back()["status"], "done");
}

TEST_F(ServiceTest, CancelEndsWaitingAndRunningRequests) {
  send("alice", "infer", infer("waits"));
  send("alice", "cancel", {{"id", "c1"}, {"args", {{"id", "waits"}}}});
  EXPECT_EQ(recorder_.of("waits").back()["status"], "cancelled");
  send("alice", "infer", infer("runs"));
  parrot_.during = [&] { send("alice", "cancel", {{"id", "c2"}, {"args", {{"id", "runs"}}}}); };
  service_->run_next(milliseconds(0));
  const Json last = recorder_.of("runs").back();
  EXPECT_EQ(last["status"], "cancelled");
  EXPECT_EQ(last["tokens"], 1) << "honoured before the next token";
  send("alice", "cancel", {{"id", "c3"}, {"args", {{"id", "runs"}}}});
  EXPECT_EQ(recorder_.sent.back().body["result"], "finished");
}

TEST_F(ServiceTest, ExpiredWorkIsNeverStarted) {
  send("alice", "infer", infer("late"), seconds(5));
  clock_.time += seconds(6);
  service_->run_next(milliseconds(0));
  EXPECT_TRUE(parrot_.batches.empty());
  EXPECT_EQ(recorder_.of("late").back()["status"], "expired");
}

TEST_F(ServiceTest, AfterARestartEveryRequestHasItsOutcome) {
  send("alice", "infer", infer("plain"));
  Json durable = infer("durable");
  durable["durable"] = true;
  send("alice", "infer", durable);
  Json dated = infer("dated");
  dated["durable"] = true;
  send("alice", "infer", dated, seconds(60));
  recorder_.sent.clear();
  options_.boot_id = "boot-2";
  clock_.synchronised = false;
  start();
  EXPECT_EQ(recorder_.of("plain").back()["reason"], "restart");
  EXPECT_EQ(recorder_.of("dated").back()["status"], "expired") << "another boot, and no trusted clock";
  EXPECT_TRUE(recorder_.of("durable").empty());
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("durable").back()["status"], "done");
}

TEST_F(ServiceTest, ADeadlineOfAnotherBootHoldsByATrustedClock) {
  Json dated = infer("dated");
  dated["durable"] = true;
  send("alice", "infer", dated, seconds(60));
  options_.boot_id = "boot-2";
  clock_.time += seconds(30);
  start();
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("dated").back()["status"], "done");
}

TEST_F(ServiceTest, AnActionIsDoneOnceAndUnknownAfterACrash) {
  const Json on = {{"id", "g1"}, {"args", {{"line", "LAMP"}, {"active", true}}}};
  send("alice", "gpio", on);
  send("alice", "gpio", on);
  service_->run_next(milliseconds(0));
  send("alice", "gpio", on);
  service_->run_next(milliseconds(0));
  EXPECT_EQ(levers_.acts, 1);
  EXPECT_EQ(recorder_.sent.back().body["status"], "done");
  // A crash between intent and outcome: the journal holds the intent, nobody knows the rest.
  send("alice", "gpio", {{"id", "g2"}, {"args", {{"line", "LAMP"}, {"active", false}}}});
  service_.reset();
  {
    auto journal = Journal::open(path_, {});
    ASSERT_TRUE(journal->intend({"alice", "g2"}, "gpio"));
  }
  start();
  service_->run_next(milliseconds(0));
  EXPECT_EQ(levers_.acts, 1);
  EXPECT_EQ(recorder_.of("g2").back()["reason"], "outcome_unknown");
}

TEST_F(ServiceTest, FailuresHaveReasons) {
  parrot_.script = {"a", "FAIL"};
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("r1").back()["status"], "failed");
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "io");
  send("alice", "gpio", {{"id", "g"}, {"args", {{"line", "STUCK"}, {"active", true}}}});
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("g").back()["status"], "failed");
}

TEST_F(ServiceTest, OutcomesWaitForTheBrokerAndSurviveARestart) {
  send("alice", "infer", infer("r1"));
  recorder_.connected = false;
  service_->run_next(milliseconds(0));
  recorder_.sent.clear();
  start();
  EXPECT_TRUE(recorder_.sent.empty());
  recorder_.connected = true;
  service_->tick();
  ASSERT_EQ(recorder_.of("r1").size(), 1u);
  EXPECT_EQ(recorder_.of("r1").back()["status"], "done");
  service_->tick();
  EXPECT_EQ(recorder_.of("r1").size(), 1u) << "in flight: not sent again";
  acknowledge_all();
  start();
  service_->tick();
  EXPECT_EQ(recorder_.of("r1").size(), 1u) << "delivered: never again";
}

TEST_F(ServiceTest, NoMoreThanTwentyAreInFlight) {
  recorder_.connected = false;
  options_.admission.waiting_per_client = 64;
  options_.admission.burst = 64;
  start();
  for (int i = 0; i < 30; ++i) {
    send("alice", "infer", infer("r" + std::to_string(i)));
    service_->run_next(milliseconds(0));
  }
  recorder_.connected = true;
  service_->tick();
  EXPECT_EQ(recorder_.sent.size(), 20u);
  acknowledge_all();
  EXPECT_EQ(recorder_.sent.size(), 30u);
}

TEST_F(ServiceTest, AGapInTheStreamIsReplayed) {
  parrot_.script.assign(40, "xyz ");
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  const auto before = recorder_.of("r1");
  recorder_.sent.clear();
  send("alice", "replay", {{"id", "p"}, {"args", {{"id", "r1"}, {"from_seq", 2}}}});
  const auto replayed = recorder_.of("r1");
  ASSERT_EQ(replayed.size(), before.size() - 3) << "all but accepted and two chunks";
  EXPECT_EQ(replayed.front()["seq"], 2);
  EXPECT_EQ(replayed.back(), before.back());
}

TEST_F(ServiceTest, AFullQueueAnswersBusyAndLeavesThePool) {
  options_.admission.waiting = 4;
  start();
  for (int i = 0; i < 4; ++i) send("alice", "infer", infer("r" + std::to_string(i)));
  EXPECT_FALSE(service_->wants_pool_work());
  send("bob", "infer", infer("late"));
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x89);
  EXPECT_GT(recorder_.sent.back().body["retry_after_ms"], 0);
  service_->run_next(milliseconds(0));
  service_->run_next(milliseconds(0));
  EXPECT_TRUE(service_->wants_pool_work());
  send("bob", "infer", infer("late"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("late").back()["status"], "done") << "a rejected id may be asked again";
}

TEST_F(ServiceTest, ThePoolTakesInferenceOnly) {
  send_raw("linnet/1/home/pool/pilot/alice/infer", infer("p1").dump());
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("p1").back()["status"], "done");
  send_raw("linnet/1/home/pool/pilot/alice/gpio", R"({"id":"p2","args":{"line":"LAMP","active":true}})");
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87);
}

TEST_F(ServiceTest, StoppingEndsWhatWaitsAndKeepsWhatIsDurable) {
  send("alice", "infer", infer("plain"));
  Json durable = infer("durable");
  durable["durable"] = true;
  send("alice", "infer", durable);
  service_->stop(milliseconds(0));
  EXPECT_EQ(recorder_.of("plain").back()["reason"], "stopping");
  send("alice", "infer", infer("after"));
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x89);
  EXPECT_FALSE(service_->run_next(milliseconds(0)));
  start();
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("durable").back()["status"], "done");
}

TEST_F(ServiceTest, AnAnswerBringsAboutItsDeedOnceAndNotFromThePool) {
  Deeds deeds;
  options_.actions = &deeds;
  start();
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  send("alice", "infer", infer("r1"));
  EXPECT_EQ(deeds.done, 1);
  EXPECT_EQ(recorder_.of("r1").back()["actions"][0]["done"], true);
  send_raw("linnet/1/home/pool/pilot/alice/infer", infer("p1").dump());
  service_->run_next(milliseconds(0));
  EXPECT_EQ(deeds.done, 1);
  deeds.refused = "interlock";
  send("alice", "infer", infer("r2"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(deeds.done, 1);
  EXPECT_EQ(recorder_.of("r2").back()["actions"][0]["reason"], "interlock");
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

TEST_F(ServiceTest, ThoughtsAndAnswerAreToldApart) {
  parrot_.script = {"~Let", "~ me", "~ see.", "It", " is", " 4."};
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  const auto messages = recorder_.of("r1");
  ASSERT_EQ(messages.size(), 4u) << "a chunk is of one part";
  EXPECT_EQ(messages[1]["reasoning"], "Let me see.");
  EXPECT_EQ(messages[1]["text"], "") << "who puts the texts together gets the answer";
  EXPECT_EQ(messages[2]["text"], "It is 4.");
  EXPECT_FALSE(messages[2].contains("reasoning"));
  EXPECT_EQ(messages[3]["reasoning"], "Let me see.");
  EXPECT_EQ(messages[3]["text"], "It is 4.");
  EXPECT_EQ(messages[3]["n_chunks"], 2);
  EXPECT_EQ(messages[3]["tokens"], 6) << "of both parts";
  recorder_.sent.clear();
  send("alice", "replay", {{"id", "p"}, {"args", {{"id", "r1"}}}});
  EXPECT_EQ(recorder_.of("r1").front(), messages[1]);
}

TEST_F(ServiceTest, AnActionKeepsItsPlaceBetweenGenerations) {
  send("alice", "infer", infer("1"));
  send("alice", "gpio", {{"id", "2"}, {"args", {{"line", "LAMP"}, {"active", true}}}});
  for (const char* id : {"3", "4", "5"}) send("alice", "infer", infer(id));
  for (int i = 0; i < 4; ++i) service_->run_next(milliseconds(0));
  std::vector<std::string> ends;
  for (const Sent& sent : recorder_.sent) {
    if (sent.body.value("status", "") == "done") ends.push_back(sent.body["id"]);
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "2", "3", "4", "5"}));
}

TEST_F(ServiceTest, TheLastRequestsAreKnown) {
  for (int i = 0; i < 20; ++i) {
    send(i % 2 == 0 ? "alice" : "bob", "infer", infer("r" + std::to_string(i)));
    service_->run_next(milliseconds(0));
  }
  send("alice", "gpio", {{"id", "g"}, {"args", {{"line", "STUCK"}, {"active", true}}}});
  service_->run_next(milliseconds(0));
  const auto recent = service_->recent();
  ASSERT_EQ(recent.size(), 16u);
  EXPECT_EQ(recent[0].operation, OperationKind::kGpio);
  EXPECT_EQ(recent[0].outcome, OutcomeKind::kFailed);
  EXPECT_EQ(recent[1].key, (RequestKey{"bob", "r19"}));
  EXPECT_EQ(recent[1].tokens, 3u);
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
  auto trail = AuditTrail::open(":memory:");
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
  EXPECT_EQ(recorder_.sent.back().body["rc"], 0x87) << "for operators";
}

}  // namespace
}  // namespace linnet::daemon
