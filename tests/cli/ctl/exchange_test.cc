#include "runtime/cli/ctl/exchange.h"

#include <gtest/gtest.h>

namespace linnet::cli::ctl {
namespace {

using Send = ExchangeStep::Send;
using std::chrono::milliseconds;

constexpr ExchangeLimits kLimits{milliseconds(1000), milliseconds(200), 2};

Reply reply(const std::string& json) {
  auto parsed = parse_reply(json);
  EXPECT_TRUE(parsed) << json;
  return *parsed;
}

Reply chunk(int sequence, const std::string& text) {
  return reply(R"({"id":"r","seq":)" + std::to_string(sequence) + R"(,"text":")" + text + "\"}");
}

const char* const kAccepted = R"({"id":"r","status":"accepted","queue_pos":0,"est_ms":1})";
// printf abc | sha256sum
const char* const kDone =
    R"({"id":"r","status":"done","text":"abc","n_chunks":3,
        "sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})";

class ExchangeTest : public testing::Test {
 protected:
  static Clock::time_point at(int ms) { return Clock::time_point(milliseconds(ms)); }

  Exchange exchange_{"r", kLimits};
};

TEST_F(ExchangeTest, FollowsAStreamToItsOutcome) {
  EXPECT_EQ(exchange_.on_connected(at(0)).send, Send::kToFirst);
  EXPECT_EQ(exchange_.on_reply("n", reply(kAccepted), at(1)).send, Send::kNothing);
  EXPECT_EQ(exchange_.member(), "n");
  EXPECT_EQ(exchange_.on_reply("n", chunk(0, "a"), at(2)).text, "a");
  EXPECT_EQ(exchange_.on_reply("n", chunk(1, "b"), at(3)).text, "b");
  EXPECT_EQ(exchange_.on_time(at(100000)).send, Send::kNothing) << "accepted: nothing is sent again";
  const auto step = exchange_.on_reply("n", reply(kDone), at(4));
  EXPECT_EQ(step.text, "c") << "the rest comes from the outcome";
  ASSERT_TRUE(exchange_.end());
  EXPECT_TRUE(text_is_whole(*exchange_.end()));
  EXPECT_EQ(exchange_.on_reply("n", reply(kDone), at(5)).text, "") << "a second delivery changes nothing";
}

TEST_F(ExchangeTest, SendsAgainUntilSomebodyAcceptsAndEachTimeLater) {
  EXPECT_EQ(exchange_.on_connected(at(0)).send, Send::kToFirst);
  EXPECT_EQ(exchange_.on_time(at(999)).send, Send::kNothing);
  EXPECT_EQ(exchange_.on_time(at(1000)).send, Send::kToFirst);
  EXPECT_EQ(exchange_.on_time(at(2999)).send, Send::kNothing);
  EXPECT_EQ(exchange_.on_time(at(3000)).send, Send::kToFirst);
  EXPECT_EQ(exchange_.times_sent(), 3U);
}

TEST_F(ExchangeTest, AGapIsAskedForOnceAndThenAgain) {
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_reply("n", reply(kAccepted), at(0));
  EXPECT_EQ(exchange_.on_reply("n", chunk(0, "a"), at(1)).text, "a");
  auto step = exchange_.on_reply("n", chunk(2, "c"), at(2));
  EXPECT_EQ(step.text, "");
  EXPECT_EQ(step.replay_from, 1U);
  EXPECT_FALSE(exchange_.on_reply("n", chunk(3, "d"), at(3)).replay_from) << "asked for already";
  EXPECT_FALSE(exchange_.on_time(at(201)).replay_from);
  EXPECT_EQ(exchange_.on_time(at(202)).replay_from, 1U);
  EXPECT_EQ(exchange_.on_reply("n", chunk(1, "b"), at(203)).text, "bcd");
  EXPECT_EQ(exchange_.on_reply("n", chunk(2, "c"), at(204)).text, "") << "replayed chunks that were there";
  EXPECT_FALSE(exchange_.on_time(at(5000)).replay_from);
}

TEST_F(ExchangeTest, AMemberThatGoesOfflineIsReplacedUnlessItsWillIsOld) {
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_presence("m1", true, 7, at(0));
  (void)exchange_.on_reply("m1", reply(kAccepted), at(1));
  EXPECT_EQ(exchange_.on_presence("m2", false, 3, at(2)).send, Send::kNothing) << "another's absence";
  EXPECT_EQ(exchange_.on_presence("m1", false, 6, at(2)).send, Send::kNothing) << "the will of an earlier run";
  EXPECT_EQ(exchange_.on_presence("m1", true, 7, at(2)).send, Send::kNothing) << "it only connected again";
  EXPECT_EQ(exchange_.on_presence("m1", false, 7, at(3)).send, Send::kToFirst);
  EXPECT_EQ(exchange_.on_presence("m1", true, 8, at(4)).send, Send::kToMember) << "another run: its journal knows";
}

TEST_F(ExchangeTest, WhatASecondMemberRepeatsIsNotShownTwice) {
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_reply("m1", reply(kAccepted), at(1));
  EXPECT_EQ(exchange_.on_reply("m1", chunk(0, "ab"), at(1)).text, "ab");
  (void)exchange_.on_reply("m2", reply(kAccepted), at(2));
  EXPECT_EQ(exchange_.on_reply("m1", chunk(1, "x"), at(2)).text, "") << "the first member is not followed any more";
  EXPECT_EQ(exchange_.on_reply("m2", chunk(0, "a"), at(3)).text, "");
  const auto step = exchange_.on_reply("m2", chunk(1, "bc"), at(3));
  EXPECT_EQ(step.text, "c");
  EXPECT_FALSE(step.restarted);
}

TEST_F(ExchangeTest, AnotherAnswerOfASecondMemberBeginsAfresh) {
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_reply("m1", chunk(0, "zz"), at(1));  // Its `accepted` was lost.
  (void)exchange_.on_reply("m2", reply(kAccepted), at(2));
  const auto step = exchange_.on_reply("m2", chunk(0, "abc"), at(3));
  EXPECT_TRUE(step.restarted);
  EXPECT_EQ(step.text, "abc");
}

TEST_F(ExchangeTest, ABusyDeviceIsAskedAgainWhenItSays) {
  const Reply busy = reply(R"({"id":"r","status":"rejected","rc":137,"reason":"full","retry_after_ms":300})");
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_reply("n", busy, at(10));
  EXPECT_FALSE(exchange_.end());
  EXPECT_EQ(exchange_.on_time(at(309)).send, Send::kNothing);
  EXPECT_EQ(exchange_.on_time(at(310)).send, Send::kToFirst);
  (void)exchange_.on_reply("n", busy, at(320));
  (void)exchange_.on_reply("n", busy, at(330));
  ASSERT_TRUE(exchange_.end()) << "the third time it stands";
  EXPECT_EQ(as_result(*exchange_.end()).error().kind, ErrorKind::kBusy);
}

TEST_F(ExchangeTest, ARefusalOfACopyDoesNotEndWhatWasAccepted) {
  (void)exchange_.on_connected(at(0));
  (void)exchange_.on_reply("m1", reply(kAccepted), at(1));
  (void)exchange_.on_reply("m2", reply(R"({"id":"r","status":"rejected","rc":151,"reason":"quota"})"), at(2));
  EXPECT_FALSE(exchange_.end());
}

TEST_F(ExchangeTest, AfterALostConnectionTheMemberIsAskedForItsState) {
  (void)exchange_.on_connected(at(0));
  EXPECT_EQ(exchange_.on_connected(at(10)).send, Send::kToFirst) << "nobody accepted yet";
  (void)exchange_.on_reply("n", reply(kAccepted), at(11));
  EXPECT_EQ(exchange_.on_connected(at(20)).send, Send::kToMember);
}

TEST(Reply, RefusesWhatIsNoAnswer) {
  for (const char* payload : {"", "[]", "{}", "nonsense", R"({"seq":1})", R"({"text":"a"})", R"({"status":7})"}) {
    EXPECT_FALSE(parse_reply(payload)) << payload;
  }
  const Reply odd = reply(R"({"id":3,"status":"failed","rc":-1,"retry_after_ms":1e99,"n_chunks":"x","reason":[]})");
  EXPECT_EQ(odd.id, "");
  EXPECT_EQ(odd.code, 0);
}

TEST(Reply, EachEndHasItsExitCode) {
  const struct {
    const char* json;
    int code;
  } cases[] = {
      {R"({"id":"r","status":"done"})", 0},
      {R"({"id":"r","status":"cancelled","reason":"cancelled"})", 130},
      {R"({"id":"r","status":"expired","reason":"deadline"})", 5},
      {R"({"id":"r","status":"failed","reason":"io"})", 5},
      {R"({"id":"r","status":"failed","reason":"does_not_fit"})", 4},
      {R"({"id":"r","status":"failed","reason":"denied"})", 6},
      {R"({"id":"r","status":"rejected","rc":135,"reason":"role"})", 6},
      {R"({"id":"r","status":"rejected","rc":151,"reason":"quota"})", 6},
      {R"({"id":"r","status":"rejected","rc":153,"reason":"payload"})", 2},
      {R"({"id":"r","status":"rejected","rc":137,"reason":"busy"})", 5},
  };
  for (const auto& c : cases) {
    const auto result = as_result(reply(c.json));
    EXPECT_EQ(result ? 0 : exit_code(result.error().kind), c.code) << c.json;
  }
}

TEST(Reply, AChangedTextIsNoticed) {
  EXPECT_TRUE(text_is_whole(reply(kDone)));
  std::string changed = kDone;
  changed.replace(changed.find("abc"), 3, "abd");
  EXPECT_FALSE(text_is_whole(reply(changed)));
}

}  // namespace
}  // namespace linnet::cli::ctl
