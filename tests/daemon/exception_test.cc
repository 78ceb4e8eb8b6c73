// Whatever is thrown while a request is worked on ends that request with a reason, and nothing else.
#include <gtest/gtest.h>

#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/daemon/service_fixture.h"

namespace linnet::daemon {
namespace {

using ExceptionTest = ServiceTest;

// The worker's next turns: an outcome is written in the turn after the one that threw, at the latest.
void turn(Service& service) {
  EXPECT_TRUE(service.run_next(milliseconds(0)));
  EXPECT_TRUE(service.run_next(milliseconds(0)));
}

TEST_F(ExceptionTest, OutOfMemoryFailsTheGenerationAndTheNextOneRuns) {
  send("alice", "infer", infer("r1"));
  parrot_.during = [] { throw std::bad_alloc(); };
  turn(*service_);
  EXPECT_EQ(recorder_.of("r1").back()["status"], "failed");
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "does_not_fit");
  parrot_.during = nullptr;
  send("alice", "infer", infer("r2"));
  turn(*service_);
  EXPECT_EQ(recorder_.of("r2").back()["status"], "done");
  EXPECT_EQ(service_->counters().failed, 1u);
}

TEST_F(ExceptionTest, EveryRequestOfTheBatchHasItsOutcomeAndWhatEndedBeforeKeepsIts) {
  for (const char* id : {"first", "second"}) send("alice", "infer", infer(id));
  int words = 0;
  parrot_.during = [&] {
    if (++words == 5) throw std::runtime_error("a library's own words");
  };
  turn(*service_);
  EXPECT_EQ(recorder_.of("first").back()["status"], "done");
  EXPECT_EQ(recorder_.of("second").back()["status"], "failed");
  EXPECT_EQ(recorder_.of("second").back()["reason"], "engine");
  EXPECT_EQ(recorder_.of("second").back()["detail"], "a library's own words");
}

TEST_F(ExceptionTest, WhatIsNoStandardExceptionIsCaughtToo) {
  send("alice", "infer", infer("r1"));
  parrot_.during = [] { throw 7; };
  turn(*service_);
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "engine");
}

TEST_F(ExceptionTest, AnActionThatThrowsHasAnUnknownOutcomeAndIsNotRepeated) {
  levers_.during = [] { throw std::bad_alloc(); };
  const Json on = {{"id", "g1"}, {"args", {{"line", "LAMP"}, {"active", true}}}};
  send("alice", "gpio", on);
  turn(*service_);
  EXPECT_EQ(recorder_.of("g1").back()["reason"], "outcome_unknown");
  send("alice", "gpio", on);
  turn(*service_);
  EXPECT_EQ(levers_.acts, 1);
}

TEST_F(ExceptionTest, ADeedThatThrowsHasAnUnknownOutcomeToo) {
  Deeds deeds;
  deeds.during = [] { throw std::runtime_error("line"); };
  options_.actions = &deeds;
  start();
  send("alice", "infer", infer("r1"));
  turn(*service_);
  EXPECT_EQ(recorder_.of("r1").back()["reason"], "outcome_unknown");
  EXPECT_EQ(deeds.done, 1);
}

// Memory may still be short while the failure is written down: it is tried again with each turn.
TEST_F(ExceptionTest, AFailureThatCannotBeToldYetIsToldLater) {
  send("alice", "infer", infer("r1"));
  parrot_.during = [] { throw std::bad_alloc(); };
  recorder_.during = [] { throw std::bad_alloc(); };
  turn(*service_);
  EXPECT_NE(recorder_.of("r1").back()["status"], "failed");
  recorder_.during = nullptr;
  turn(*service_);
  service_->tick();
  EXPECT_EQ(recorder_.of("r1").back()["status"], "failed");
  EXPECT_EQ(service_->counters().failed, 1u);
}

// What is received while memory is short was not promised: it is refused, or the client hears nothing and asks again.
TEST_F(ExceptionTest, ARequestThatCannotBeTakenInIsRefused) {
  int calls = 0;
  recorder_.during = [&] {
    if (++calls == 1) throw std::bad_alloc();
  };
  EXPECT_NO_THROW(send("eve", "status", {{"id", "s1"}}));
  EXPECT_EQ(recorder_.sent.back().body()["status"], "rejected");
  EXPECT_EQ(recorder_.sent.back().body()["rc"], 0x83);
  recorder_.during = [] { throw std::bad_alloc(); };
  EXPECT_NO_THROW(send("eve", "status", {{"id", "s2"}}));
}

}  // namespace
}  // namespace linnet::daemon
