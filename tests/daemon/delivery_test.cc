// Outcomes on their way to the client: kept until the broker has them, and no one holds up the others.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/daemon/database.h"
#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

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

// Makes what is kept of one outcome a frame that nobody can read.
void damage(const std::string& path, const std::string& id) {
  auto database = Database::open(path);
  ASSERT_TRUE(database);
  const std::string sql = "UPDATE outcomes SET payload = x'28B52FFD0000FF' WHERE id = '" + id + "'";
  ASSERT_TRUE(database->execute(sql.c_str()));
}

TEST_F(ServiceTest, ADamagedOutcomeFailsItsRequestAndHoldsUpNobody) {
  recorder_.connected = false;
  for (const char* id : {"r1", "r2"}) send("alice", "infer", infer(id));
  service_->run_next(milliseconds(0));
  service_.reset();
  damage(path_, "r1");
  start();
  recorder_.connected = true;
  recorder_.sent.clear();
  service_->tick();
  ASSERT_EQ(recorder_.of("r2").size(), 1U);
  EXPECT_EQ(recorder_.of("r2").back()["status"], "done");
  const auto failed = [this] { return recorder_.of("r1").back(); };
  EXPECT_EQ(failed()["status"], "failed");
  EXPECT_EQ(failed()["reason"], "io");
  EXPECT_EQ(service_->counters().replaced, 1U);
  const Json first = failed();
  acknowledge_all();
  start();
  send("alice", "infer", infer("r1"));
  EXPECT_EQ(failed(), first) << "from now on this is its one outcome";
  EXPECT_EQ(service_->counters().accepted, 0U);
}

TEST_F(ServiceTest, ADamagedOutcomeIsReplacedWhenItIsAskedForToo) {
  send("alice", "infer", infer("r1"));
  service_->run_next(milliseconds(0));
  acknowledge_all();
  damage(path_, "r1");
  send("alice", "infer", infer("r1"));
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "io");
  EXPECT_EQ(parrot_.batches.size(), 1U) << "it is not run again";
  damage(path_, "r1");
  send("alice", "replay", {{"id", "p"}, {"args", {{"id", "r1"}}}});
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "io");
  EXPECT_EQ(service_->counters().replaced, 2U);
}

TEST_F(ServiceTest, WhatNoBrokerTakesHoldsUpNobody) {
  recorder_.largest = 900;
  parrot_.script = {std::string(2000, 'x')};
  send("alice", "infer", infer("long"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("long").back()["status"], "failed");
  EXPECT_EQ(recorder_.of("long").back()["reason"], "does_not_fit");
  service_->add_event("event/x", "\"" + std::string(1500, 'x') + "\"");
  parrot_.script = {"short"};
  send("alice", "infer", infer("next"));
  service_->run_next(milliseconds(0));
  EXPECT_EQ(recorder_.of("next").back()["status"], "done");
  EXPECT_EQ(service_->counters().undeliverable, 1U) << "the event; the outcome has one in its place";
  start();
  service_->tick();
  EXPECT_EQ(recorder_.of("long").back()["reason"], "does_not_fit");
}

}  // namespace
}  // namespace linnet::daemon
