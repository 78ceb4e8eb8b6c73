#include "runtime/daemon/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace linnet::daemon {
namespace {

using std::chrono::seconds;

std::string fresh_path(const std::string& name) {
  const std::string path = testing::TempDir() + name;
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  return path;
}

Journal open_journal(const std::string& path, const JournalLimits& limits = {}) {
  auto journal = Journal::open(path, limits);
  EXPECT_TRUE(journal) << journal.error().message;
  return *std::move(journal);
}

JournalEntry entry(const std::string& id) {
  JournalEntry e;
  e.key = {"alice", id};
  e.operation = "infer";
  e.body = R"({"prompt":"hi"})";
  e.reply_topic = "linnet/1/g/n/rsp/alice/" + id;
  e.correlation = std::string(
      "\0\x01"
      "corr",
      6);
  e.boot_id = "boot-1";
  return e;
}

TEST(Journal, ARequestHasOneOutcomeAndDuplicatesReadIt) {
  Journal journal = open_journal(fresh_path("once"));
  EXPECT_EQ(journal.accept(entry("a"))->kind, Acceptance::Kind::kNew);
  EXPECT_EQ(journal.accept(entry("a"))->kind, Acceptance::Kind::kPending);
  EXPECT_TRUE(*journal.finish({"alice", "a"}, {OutcomeKind::kDone, "first"}, seconds(10)));
  EXPECT_FALSE(*journal.finish({"alice", "a"}, {OutcomeKind::kFailed, "second"}, seconds(11)));
  const auto again = journal.accept(entry("a"));
  ASSERT_EQ(again->kind, Acceptance::Kind::kFinished);
  EXPECT_EQ(again->outcome->kind, OutcomeKind::kDone);
  EXPECT_EQ(again->outcome->payload, "first");
}

TEST(Journal, TheSameIdOfAnotherClientIsAnotherRequest) {
  Journal journal = open_journal(fresh_path("clients"));
  JournalEntry other = entry("a");
  other.key.who = "bob";
  EXPECT_EQ(journal.accept(entry("a"))->kind, Acceptance::Kind::kNew);
  EXPECT_EQ(journal.accept(other)->kind, Acceptance::Kind::kNew);
  EXPECT_EQ(*journal.unfinished_count(), 2u);
}

TEST(Journal, WhatWasNeverAcceptedCannotFinish) {
  Journal journal = open_journal(fresh_path("never"));
  EXPECT_EQ(journal.finish({"alice", "x"}, {OutcomeKind::kDone, ""}, seconds(1)).error().kind, ErrorKind::kAbsent);
}

TEST(Journal, ReopenedItHasEverythingInOrder) {
  const std::string path = fresh_path("reopen");
  {
    Journal journal = open_journal(path);
    JournalEntry first = entry("b");
    first.durable = true;
    first.priority = 3;
    first.deadline = Deadline{std::chrono::nanoseconds(123456789), seconds(77)};
    ASSERT_TRUE(journal.accept(first));
    ASSERT_TRUE(journal.accept(entry("a")));
    ASSERT_TRUE(journal.accept(entry("c")));
    ASSERT_TRUE(journal.finish({"alice", "c"}, {OutcomeKind::kExpired, "late"}, seconds(5)));
  }
  Journal journal = open_journal(path);
  const auto entries = journal.unfinished();
  ASSERT_EQ(entries->size(), 2u);
  const JournalEntry& first = entries->front();
  EXPECT_EQ(first.key.id, "b");
  EXPECT_TRUE(first.durable);
  EXPECT_EQ(first.priority, 3);
  EXPECT_EQ(first.deadline->boot_time.count(), 123456789);
  EXPECT_EQ(first.deadline->wall_time, seconds(77));
  EXPECT_EQ(first.correlation, std::string("\0\x01"
                                           "corr",
                                           6));
  EXPECT_FALSE(entries->back().deadline.has_value());
  EXPECT_EQ((*journal.outcome({"alice", "c"}))->payload, "late");
}

TEST(Journal, TheOutboxKeepsMessagesUntilTheyAreDelivered) {
  Journal journal = open_journal(fresh_path("outbox"));
  ASSERT_TRUE(journal.accept(entry("a")));
  ASSERT_TRUE(journal.finish({"alice", "a"}, {OutcomeKind::kDone, "answer"}, seconds(1)));
  ASSERT_TRUE(journal.add_event("event/alarm", "hot"));
  auto rows = journal.outbox(0, 10);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].payload, "answer");
  EXPECT_EQ((*rows)[0].topic, "linnet/1/g/n/rsp/alice/a");
  EXPECT_EQ((*rows)[1].payload, "hot");
  ASSERT_TRUE(journal.delivered((*rows)[0].sequence));
  EXPECT_EQ(journal.outbox(0, 10)->size(), 1u);
  EXPECT_EQ(journal.outbox((*rows)[1].sequence, 10)->size(), 0u);
}

TEST(Journal, OutcomesAreForgottenOnlyWhenOldAndDelivered) {
  Journal journal = open_journal(fresh_path("forget"), {.keep_outcomes = seconds(100)});
  ASSERT_TRUE(journal.accept(entry("a")));
  ASSERT_TRUE(journal.finish({"alice", "a"}, {OutcomeKind::kDone, "x"}, seconds(10)));
  EXPECT_EQ(*journal.forget_before(seconds(500)), 0) << "not delivered yet";
  ASSERT_TRUE(journal.delivered(journal.outbox(0, 1)->front().sequence));
  EXPECT_EQ(*journal.forget_before(seconds(109)), 0) << "not old yet";
  EXPECT_EQ(*journal.forget_before(seconds(111)), 1);
  EXPECT_FALSE(journal.outcome({"alice", "a"})->has_value());
}

TEST(Journal, AnIntentIsMadeOnceAndGoesWithTheOutcome) {
  Journal journal = open_journal(fresh_path("intent"));
  ASSERT_TRUE(journal.accept(entry("a")));
  EXPECT_FALSE(*journal.has_intent({"alice", "a"}));
  ASSERT_TRUE(journal.intend({"alice", "a"}, "LAMP=1"));
  EXPECT_EQ(journal.intend({"alice", "a"}, "LAMP=1").error().kind, ErrorKind::kBusy);
  EXPECT_TRUE(*journal.has_intent({"alice", "a"}));
  ASSERT_TRUE(journal.finish({"alice", "a"}, {OutcomeKind::kDone, ""}, seconds(1)));
  EXPECT_FALSE(*journal.has_intent({"alice", "a"}));
}

TEST(Journal, QueuesAreBounded) {
  Journal journal = open_journal(fresh_path("bounded"), {.unfinished = 2, .events = 1});
  ASSERT_TRUE(journal.accept(entry("a")));
  ASSERT_TRUE(journal.accept(entry("b")));
  EXPECT_EQ(journal.accept(entry("c")).error().kind, ErrorKind::kBusy);
  EXPECT_EQ(journal.accept(entry("a"))->kind, Acceptance::Kind::kPending) << "a duplicate needs no room";
  ASSERT_TRUE(journal.add_event("t", "1"));
  EXPECT_EQ(journal.add_event("t", "2").error().kind, ErrorKind::kBusy);
}

TEST(Journal, AFileThatIsNoDatabaseIsRefused) {
  const std::string path = fresh_path("garbage");
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_EQ(Journal::open(path, {}).error().kind, ErrorKind::kMalformed);
  // As much where only a page deep inside is none: the first queries would not see it.
  const std::string holed = fresh_path("holed");
  {
    Journal journal = open_journal(holed);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(journal.accept(entry(std::string(40, 'x') + std::to_string(i))));
  }
  ASSERT_FALSE(std::filesystem::exists(holed + "-wal")) << "closed in order, everything is in the one file";
  std::fstream file(holed, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(holed) / 4096 / 2 * 4096));
  file << std::string(4096, 'x') << std::flush;
  EXPECT_EQ(Journal::open(holed, {}).error().kind, ErrorKind::kMalformed);
  EXPECT_EQ(Journal::open("/nowhere/journal", {}).error().kind, ErrorKind::kDenied);
}

TEST(Journal, TwoFlushesARequest) {
  Journal journal = open_journal(fresh_path("flushes"));
  const auto before = journal.flush_cost().commits;
  ASSERT_TRUE(journal.accept(entry("a")));
  ASSERT_TRUE(journal.finish({"alice", "a"}, {OutcomeKind::kDone, ""}, seconds(1)));
  ASSERT_TRUE(journal.delivered(journal.outbox(0, 1)->front().sequence));
  EXPECT_EQ(journal.flush_cost().commits - before, 2u);
}

// Writes to a journal until killed, telling through `pipe_end` what was kept.
[[noreturn]] void accept_forever(const std::string& path, int pipe_end) {
  Journal journal = open_journal(path, {.unfinished = 1u << 20});
  for (int number = 0;; ++number) {
    if (!journal.accept(entry(std::to_string(number)))) _exit(1);
    if (write(pipe_end, &number, sizeof number) != sizeof number) _exit(1);
    if (number % 2 == 0 && !journal.finish({"alice", std::to_string(number)}, {OutcomeKind::kDone, "r"}, seconds(1)))
      _exit(1);
  }
}

TEST(Journal, AKilledProcessLosesNothingThatItAcknowledged) {
  for (int round = 0; round < 5; ++round) {
    const std::string path = fresh_path("killed");
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) accept_forever(path, ends[1]);
    close(ends[1]);
    int last = -1;
    while (last < 20 + 7 * round && read(ends[0], &last, sizeof last) == sizeof last) {
    }
    kill(child, SIGKILL);
    for (int number = 0; read(ends[0], &number, sizeof number) == sizeof number;) last = number;
    close(ends[0]);
    waitpid(child, nullptr, 0);
    ASSERT_GE(last, 20);
    Journal journal = open_journal(path, {.unfinished = 1u << 20});
    for (int number = 0; number <= last; ++number) {
      EXPECT_NE(journal.accept(entry(std::to_string(number)))->kind, Acceptance::Kind::kNew) << number;
    }
  }
}

}  // namespace
}  // namespace linnet::daemon
