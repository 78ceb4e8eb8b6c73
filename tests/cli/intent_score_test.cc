#include "runtime/cli/intent_score.h"

#include <gtest/gtest.h>

namespace linnet::cli {
namespace {

IntentAnswer expected(std::string_view line) {
  auto example = parse_intent_example(line);
  EXPECT_TRUE(example) << example.error().message;
  return example->expected;
}

constexpr std::string_view kTwoRooms =
    R"({"text": "t", "intent": "off", "entities": [{"type": "place", "value": "hall", "start": 1, "end": 2},
        {"type": "place", "value": "attic"}, {"type": "time", "value": "now"}]})";

// The figures of one answer to one sentence: accuracy, F1, exact, valid.
std::vector<double> score(std::string_view label, std::string_view answer) {
  IntentScore result;
  result.add(expected(label), parse_intent_answer(answer), 1);
  return {result.intent_accuracy(), result.entity_f1(), result.exact_match(), result.valid_json()};
}

TEST(IntentScore, KeyOrderAndWhiteSpaceDoNotCount) {
  const std::vector<double> perfect = {1, 1, 1, 1};
  EXPECT_EQ(score(kTwoRooms, R"({"intent":"off","slots":{"place":["hall","attic"],"time":"now"}})"), perfect);
  EXPECT_EQ(
      score(kTwoRooms, "\n{ \"slots\" : {\"time\":[\"now\"], \"place\":[\"attic\" ,\"hall\"]},\"intent\":\"off\"} "),
      perfect);
}

TEST(IntentScore, CountsPairsAsAMultiset) {
  // Two of three found, one wrong value: 2 * 2 / (3 + 3).
  EXPECT_EQ(score(kTwoRooms, R"({"intent":"off","slots":{"place":["hall","cellar"],"time":"now"}})"),
            (std::vector<double>{1, 4.0 / 6, 0, 1}));
  // A value said twice matches once.
  EXPECT_EQ(score(kTwoRooms, R"({"intent":"off","slots":{"place":["hall","hall"],"time":"now"}})"),
            (std::vector<double>{1, 4.0 / 6, 0, 1}));
  // The right value under the wrong type is wrong.
  EXPECT_EQ(score(kTwoRooms, R"({"intent":"on","slots":{"room":["hall","attic"]}})"),
            (std::vector<double>{0, 0, 0, 1}));
  EXPECT_EQ(score(kTwoRooms, R"({"intent":"off","slots":{"place":["hall","attic"],"time":"now","more":"x"}})"),
            (std::vector<double>{1, 6.0 / 7, 0, 1}));
}

TEST(IntentScore, UnparsableAnswersScoreNothing) {
  for (const char* answer : {"", "off", R"({"intent":"off")", R"({"intent":"off"} trailing)"}) {
    EXPECT_EQ(score(kTwoRooms, answer), (std::vector<double>{0, 0, 0, 0})) << answer;
  }
}

TEST(IntentScore, OtherShapesOfJsonAreValidAndEmpty) {
  for (const char* answer : {"[]", "3", "null", "{}", R"({"intent":5,"slots":[1]})", R"("off")"}) {
    EXPECT_EQ(score(kTwoRooms, answer), (std::vector<double>{0, 0, 0, 1})) << answer;
  }
  const auto numbers = parse_intent_answer(R"({"intent":"off","slots":{"place":7,"time":[null,"now"]}})");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->entities.size(), 3U);  // Answered, so they cost precision.
}

TEST(IntentScore, MicroAveragesOverAllSentences) {
  IntentScore result;
  result.add(expected(kTwoRooms), parse_intent_answer(R"({"intent":"off","slots":{"time":"now"}})"), 1);
  result.add(expected(R"({"text":"u","intent":"hi","entities":[]})"),
             parse_intent_answer(R"({"intent":"hi","slots":{}})"), 1);
  result.add(expected(R"({"text":"v","intent":"hi","entities":[]})"), std::nullopt, 1);
  EXPECT_EQ(result.n(), 3U);
  EXPECT_DOUBLE_EQ(result.intent_accuracy(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.entity_f1(), 2.0 * 1 / (3 + 1));
  EXPECT_DOUBLE_EQ(result.exact_match(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(result.valid_json(), 2.0 / 3);
}

TEST(IntentScore, NothingToFindAndNothingFoundIsPerfect) { EXPECT_EQ(IntentScore().entity_f1(), 1.0); }

TEST(IntentScore, TheThresholdIsTheLowestThatKeepsThePrecision) {
  const IntentAnswer right = expected(kTwoRooms);
  const IntentAnswer wrong{"on", {}};
  const auto threshold = [&](const std::vector<std::pair<double, bool>>& answers) {
    IntentScore result;
    for (const auto& [confidence, exact] : answers) result.add(right, exact ? right : wrong, confidence);
    const ConfidenceThreshold found = result.threshold(0.75);
    return std::pair(found.confidence, found.coverage);
  };
  // Of the first two 1/2 are exact, of the first four 3/4, of the first five 3/5.
  EXPECT_EQ(threshold({{0.5, true}, {0.9, true}, {0.8, false}, {0.4, false}, {0.7, true}}), std::pair(0.5, 4.0 / 5));
  EXPECT_EQ(threshold({{0.9, true}, {0.9, true}, {0.9, true}, {0.5, true}, {0.5, false}, {0.5, false}}),
            std::pair(0.9, 3.0 / 6));  // Equal ones pass together: the first of 0.5 is no reason to let in the others.
  EXPECT_EQ(threshold({{0.9, false}, {0.2, true}}), std::pair(1.0, 0.0));
  EXPECT_EQ(threshold({}), std::pair(1.0, 0.0));
}

TEST(IntentExample, RefusesLinesWithoutLabels) {
  for (const char* line : {"", "{}", "[]", R"({"text":"a","intent":"b"})", R"({"text":"a","intent":"b","entities":{}})",
                           R"({"text":"a","intent":"b","entities":[{"type":"c"}]})", "not json"}) {
    const auto example = parse_intent_example(line);
    ASSERT_FALSE(example) << line;
    EXPECT_EQ(example.error().kind, ErrorKind::kMalformed) << line;
  }
}

}  // namespace
}  // namespace linnet::cli
