#include "runtime/daemon/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

TEST_F(ServiceTest, ARequestIsAcceptedStreamedAndDoneOnce) {
  send("alice", "infer", infer("r1"));
  ASSERT_TRUE(service_->run_next(milliseconds(0)));
  const auto messages = recorder_.of("r1");
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0]["status"], "accepted");
  EXPECT_EQ(messages[1]["seq"], 0);
  EXPECT_EQ(messages[1]["text"], "Hello") << "the first token waits for no other";
  EXPECT_EQ(messages[2]["text"], " world");
  EXPECT_EQ(messages[3]["status"], "done");
  EXPECT_EQ(messages[3]["text"], "Hello world");
  EXPECT_EQ(messages[3]["n_chunks"], 2);
  EXPECT_EQ(messages[3]["tokens"], 3);
  EXPECT_EQ(recorder_.sent.back().topic, "linnet/1/home/n1/rsp/alice/r1");
  EXPECT_EQ(recorder_.sent.back().correlation, "c1");
  EXPECT_EQ(recorder_.sent.back().qos, 1);
  EXPECT_EQ(service_->counters().done, 1u);
}

TEST_F(ServiceTest, TheChunksMakeTheText) {
  parrot_.script.assign(300, "ab ");
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

TEST_F(ServiceTest, AnswersThatAreGivenTogetherSendTheirChunksTogether) {
  parrot_.in_chorus = true;
  parrot_.script.assign(40, "ab ");
  parrot_.during = [this] { clock_.time += milliseconds(20); };
  std::map<std::chrono::nanoseconds, int> sent_at;
  for (const char* id : {"1", "2"}) send("alice", "infer", infer(id));
  recorder_.during = [&] { ++sent_at[clock_.time]; };
  service_->run_next(milliseconds(0));
  for (const std::string id : {"1", "2"}) EXPECT_EQ(recorder_.of(id).back()["text"].get<std::string>().size(), 120u);
  // All but the two first words, which waited for nobody, the last of an answer, and the outcomes.
  const auto pairs =
      std::count_if(sent_at.begin(), sent_at.end(), [](const auto& moment) { return moment.second == 2; });
  EXPECT_GT(pairs, 10);
  EXPECT_LE(sent_at.size(), static_cast<std::size_t>(pairs) + 4);
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
  EXPECT_EQ(parrot_.batches, (std::vector<std::size_t>{2})) << "and the third as there is room";
  EXPECT_EQ(service_->counters().done, 3u);
}

TEST_F(ServiceTest, ARequestJoinsThoseThatRunUnlessSomethingElseIsNext) {
  send("alice", "infer", infer("1"));
  parrot_.during = [&, asked = false]() mutable {
    if (std::exchange(asked, true)) return;
    send("alice", "infer", infer("2"));
    Json other = infer("3");
    other["args"]["model"] = "other";
    send("alice", "infer", other);
    send("alice", "infer", infer("4"));
  };
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("2").back()["status"], "done") << "within the run that it found";
  EXPECT_EQ(recorder_.of("3").back()["status"], "accepted") << "of another model: its own run";
  EXPECT_EQ(recorder_.of("4").back()["status"], "accepted") << "does not pass those before it";
  for (int i = 0; i < 2; ++i) service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("3").back()["status"], "done");
  EXPECT_EQ(recorder_.of("4").back()["status"], "done");
}

TEST_F(ServiceTest, ForAPausedAnswersPlaceOnlyWhatIsMoreUrgentJoins) {
  parrot_.least = Priority::kHigh;
  send("alice", "infer", infer("1"));
  parrot_.during = [&, asked = false]() mutable {
    if (std::exchange(asked, true)) return;
    Json urgent = infer("2");
    urgent["prio"] = "high";
    send("alice", "infer", urgent);
    send("alice", "infer", infer("3"));
  };
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("2").back()["status"], "done") << "within the run that it found";
  EXPECT_EQ(recorder_.of("3").back()["status"], "accepted");
}

TEST_F(ServiceTest, NothingJoinsADeviceThatStops) {
  Json durable = infer("2");
  durable["durable"] = true;
  send("alice", "infer", infer("1"));
  parrot_.during = [&, stopped = false]() mutable {
    if (std::exchange(stopped, true)) return;
    send("alice", "infer", durable);
    service_->stop(milliseconds(0));
  };
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("2").size(), 1U) << "accepted, and kept for the next start";
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
  EXPECT_EQ(recorder_.sent.back().body()["result"], "finished");
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
  EXPECT_EQ(recorder_.sent.back().body()["status"], "done");
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

TEST_F(ServiceTest, StoppingEndsWhatWaitsAndKeepsWhatIsDurable) {
  send("alice", "infer", infer("plain"));
  Json durable = infer("durable");
  durable["durable"] = true;
  send("alice", "infer", durable);
  service_->stop(milliseconds(0));
  EXPECT_EQ(recorder_.of("plain").back()["reason"], "stopping");
  send("alice", "infer", infer("after"));
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x89);
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

TEST_F(ServiceTest, ThoughtsAndAnswerAreToldApart) {
  parrot_.script = {"~Let", "~ me", "~ see.", "It", " is", " 4."};
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  const auto messages = recorder_.of("r1");
  ASSERT_EQ(messages.size(), 5u) << "a chunk is of one part";
  EXPECT_EQ(messages[1]["reasoning"], "Let");
  EXPECT_EQ(messages[2]["reasoning"], " me see.");
  EXPECT_EQ(messages[2]["text"], "") << "who puts the texts together gets the answer";
  EXPECT_EQ(messages[3]["text"], "It is 4.");
  EXPECT_FALSE(messages[3].contains("reasoning"));
  EXPECT_EQ(messages[4]["reasoning"], "Let me see.");
  EXPECT_EQ(messages[4]["text"], "It is 4.");
  EXPECT_EQ(messages[4]["n_chunks"], 3);
  EXPECT_EQ(messages[4]["tokens"], 6) << "of both parts";
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
    if (sent.body().value("status", "") == "done") ends.push_back(sent.body()["id"]);
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "2", "3", "4", "5"}));
}

TEST_F(ServiceTest, AnEmbeddingIsComputedOnceAndMayBeComputedAgain) {
  const auto embed = [](const std::string& id, const std::string& text) {
    return Json{{"id", id}, {"durable", true}, {"args", {{"texts", {text}}}}};
  };
  send("bob", "embed", embed("e1", "a"));
  send("bob", "infer", infer("r1"));
  send("bob", "embed", embed("e2", "LONG"));
  start();  // It was killed: nothing had been begun, and unlike an action a computation is begun again at any time.
  levers_.during = [this] { EXPECT_EQ(service_->queue_depth(), 1u) << "r1 was not durable"; };
  service_->run_next(milliseconds(0));
  levers_.during = nullptr;
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("e1").back(), (Json{{"id", "e1"}, {"status", "done"}, {"result", {1}}}));
  EXPECT_EQ(recorder_.of("e2").back()["reason"], "does_not_fit");
  send("bob", "embed", embed("e1", "a"));
  EXPECT_EQ(levers_.computations, 2);
  send("eve", "embed", embed("e3", "a"));
  EXPECT_EQ(recorder_.of("e3").back()["rc"], 0x87);
  send("bob", "embed", embed("e4", "a"));
  levers_.during = [this] { send("bob", "cancel", {{"id", "c"}, {"args", {{"id", "e4"}}}}); };
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("e4").back()["status"], "cancelled");
  auto late = embed("e5", "a");
  late["deadline_ms"] = 1000;
  send("bob", "embed", late);
  levers_.during = [this] { clock_.time += seconds(2); };
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("e5").back()["status"], "expired");
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

}  // namespace
}  // namespace linnet::daemon
