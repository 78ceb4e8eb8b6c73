#include "runtime/daemon/rules.h"

#include <gtest/gtest.h>

namespace linnet::daemon {
namespace {

RuleConfig bedroom_off() {
  RuleConfig rule;
  rule.name = "bedroom off";
  rule.when = {{"intent", "iot_hue_lightoff"}, {"slots.house_place", "bedroom"}};
  rule.action.line = "BEDROOM_LIGHT";
  rule.action.active = false;
  return rule;
}

class RulesTest : public testing::Test {
 protected:
  std::vector<RuleMatch> match(std::string_view answer, std::optional<double> confidence = 1.0) {
    return rules_.match(answer, confidence, now_);
  }

  std::vector<RuleConfig> config_{bedroom_off()};
  std::map<std::string, bool> lines_;
  Clock::time_point now_{};
  Rules rules_{config_, [this](const std::string& line) {
                 const auto found = lines_.find(line);
                 return found == lines_.end() ? std::nullopt : std::optional(found->second);
               }};
};

TEST_F(RulesTest, AllConditionsMustHold) {
  EXPECT_EQ(match(R"({"intent":"iot_hue_lightoff","slots":{"house_place":"bedroom"}})").size(), 1u);
  EXPECT_EQ(match(R"({"intent":"iot_hue_lightoff","slots":{"house_place":["kitchen","bedroom"]}})").size(), 1u);
  for (const char* other :
       {R"({"intent":"iot_hue_lighton","slots":{"house_place":"bedroom"}})",
        R"({"intent":"iot_hue_lightoff","slots":{}})",
        R"({"intent":"iot_hue_lightoff","slots":{"house_place":{"bedroom":1}}})",
        R"({"intent":"iot_hue_lightoff","slots":"bedroom"})", "turn off the lights", "[]", "", R"({"intent":)"}) {
    EXPECT_TRUE(match(other).empty()) << other;
  }
}

TEST_F(RulesTest, NumbersAndBooleansCompareAsWritten) {
  config_[0].when = {{"on", "true"}, {"level", "3"}};
  EXPECT_EQ(match(R"({"on":true,"level":3})").size(), 1u);
  EXPECT_TRUE(match(R"({"on":"yes","level":3})").empty());
}

constexpr const char* kAnswer = R"({"intent":"iot_hue_lightoff","slots":{"house_place":"bedroom"}})";

TEST_F(RulesTest, LowConfidenceRefuses) {
  config_[0].minimum_confidence = 0.8;
  EXPECT_EQ(match(kAnswer, 0.79)[0].refused, "confidence");
  EXPECT_EQ(match(kAnswer, std::nullopt)[0].refused, "confidence");
  EXPECT_EQ(match(kAnswer, 0.8)[0].refused, "");
}

TEST_F(RulesTest, TheRateIsHeldByWhatFired) {
  config_[0].minimum_interval = std::chrono::milliseconds(1000);
  EXPECT_EQ(match(kAnswer)[0].refused, "");
  now_ += std::chrono::milliseconds(600);
  EXPECT_EQ(match(kAnswer)[0].refused, "rate");
  now_ += std::chrono::milliseconds(400);
  EXPECT_EQ(match(kAnswer)[0].refused, "");
}

TEST_F(RulesTest, AnInterlockMustBeActiveAndReadable) {
  config_[0].interlock = "GUARD";
  EXPECT_EQ(match(kAnswer)[0].refused, "interlock");
  lines_["GUARD"] = false;
  EXPECT_EQ(match(kAnswer)[0].refused, "interlock");
  lines_["GUARD"] = true;
  EXPECT_EQ(match(kAnswer)[0].refused, "");
}

}  // namespace
}  // namespace linnet::daemon
