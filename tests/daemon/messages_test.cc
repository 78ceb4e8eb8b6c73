#include "runtime/daemon/messages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace linnet::daemon {
namespace {

using Json = nlohmann::json;

TEST(Messages, TextsSurviveWhateverTheyHold) {
  const std::string text = "\"quoted\" \\ \n\t\x01 é 漢 😀";
  std::string out;
  append_json_string(out, text);
  EXPECT_EQ(Json::parse(out).get<std::string>(), text);
}

TEST(Messages, BrokenUtf8BecomesReplacementCharacters) {
  for (const char* bytes :
       {"\xff", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "\xc0\xaf", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80"}) {
    std::string out;
    append_json_string(out, bytes);
    const auto parsed = Json::parse(out, nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << out;
    EXPECT_NE(parsed.get<std::string>().find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(Messages, ADoneMessageHasEverythingAndItsHash) {
  GenerationReport report;
  report.text = "hello";
  report.finish = "stop";
  report.prompt_tokens = 5;
  report.tokens = 2;
  report.chunks = 1;
  report.total = std::chrono::microseconds(1234567);
  report.joules = 0.5;
  std::string out;
  write_generation(out, "id-1", OutcomeKind::kDone, report);
  const auto json = Json::parse(out);
  EXPECT_EQ(json["status"], "done");
  EXPECT_EQ(json["sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_NEAR(json["timings"]["total_ms"].get<double>(), 1234.57, 0.01);
  EXPECT_FALSE(json.contains("reasoning"));
  EXPECT_FALSE(json.contains("confidence"));
}

TEST(Messages, RefusalsTellTheCodeAndWhenToComeBack) {
  std::string out;
  write_rejected(out, "id", {ReasonCode::kServerBusy, "the queue is full"}, std::chrono::milliseconds(250), 64);
  const auto json = Json::parse(out);
  EXPECT_EQ(json["rc"], 0x89);
  EXPECT_EQ(json["retry_after_ms"], 250);
  EXPECT_EQ(json["queue_depth"], 64);
  write_ended(out, "id", OutcomeKind::kFailed, "outcome_unknown", "");
  EXPECT_EQ(Json::parse(out)["reason"], "outcome_unknown");
  write_accepted(out, "id", 3, std::chrono::milliseconds(40));
  EXPECT_EQ(Json::parse(out)["queue_pos"], 3);
}

TEST(Messages, ChunksReuseTheirBuffer) {
  std::string out;
  write_chunk(out, "id", 1, std::string(200, 'x'));
  const void* before = out.data();
  write_chunk(out, "id", 2, std::string(150, 'y'));
  EXPECT_EQ(out.data(), before);
  EXPECT_EQ(Json::parse(out)["seq"], 2);
}

}  // namespace
}  // namespace linnet::daemon
