#include "runtime/text/reasoning.h"

#include <gtest/gtest.h>

#include <string>

namespace linnet::text {
namespace {

struct Parts {
  std::string reasoning;
  std::string text;
  friend bool operator==(const Parts&, const Parts&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Parts& parts) {
    return out << "{" << parts.reasoning << "|" << parts.text << "}";
  }
};

// The parts of `answer`, which comes in pieces of `size` bytes.
Parts split(std::string_view answer, bool inside, std::size_t size, bool with_markers = true) {
  ReasoningSplitter splitter = with_markers ? ReasoningSplitter("<think>", "</think>", inside) : ReasoningSplitter();
  Parts parts;
  const auto take = [&](AnswerPart part, std::string_view text) {
    EXPECT_FALSE(text.empty());
    (part == AnswerPart::kReasoning ? parts.reasoning : parts.text) += text;
  };
  for (std::size_t at = 0; at < answer.size(); at += size) splitter.push(answer.substr(at, size), take);
  splitter.finish(take);
  return parts;
}

// However the text is cut, its parts are the same.
void expect_parts(std::string_view answer, bool inside, const Parts& expected) {
  for (std::size_t size = 1; size <= answer.size() + 1; ++size) {
    EXPECT_EQ(split(answer, inside, size), expected) << answer << " in pieces of " << size;
  }
}

TEST(Reasoning, LiesBetweenTheMarkers) {
  expect_parts("<think>\none  two\n\n</think>\n\nYes.\n", false, {"one  two", "Yes.\n"});
  expect_parts("\n <think>a</think>b", false, {"a", "b"});
  expect_parts("<think></think>b", false, {"", "b"});
  expect_parts("a < b </thin </think> c", true, {"a < b </thin", "c"});
}

TEST(Reasoning, ThePromptMayHaveOpenedIt) {
  expect_parts("\nthought</think>\n\ntext", true, {"thought", "text"});
  expect_parts("never ends </th", true, {"never ends </th", ""});
  expect_parts("trailing \n", true, {"trailing", ""});
}

TEST(Reasoning, AnAnswerMaySpeakOfMarkers) {
  expect_parts("Use <think> and </think>.", false, {"", "Use <think> and </think>."});
  expect_parts("<think>a</think>b <think>c</think>", false, {"a", "b <think>c</think>"});
  expect_parts("  <thin", false, {"", "  <thin"});
  expect_parts("  plain", false, {"", "  plain"});
}

TEST(Reasoning, WithoutMarkersAllIsText) {
  EXPECT_EQ(split("<think>a</think>b", false, 3, false), (Parts{"", "<think>a</think>b"}));
}

TEST(Reasoning, TellsWhetherItIsInside) {
  ReasoningSplitter splitter("<think>", "</think>", false);
  const auto drop = [](AnswerPart, std::string_view) {};
  EXPECT_FALSE(splitter.inside());
  splitter.push("<think>", drop);
  EXPECT_TRUE(splitter.inside());
  splitter.push("x</think>", drop);
  EXPECT_FALSE(splitter.inside());
}

TEST(Reasoning, TextIsHandedOnAtOnce) {
  ReasoningSplitter splitter("<think>", "</think>", false);
  std::string text;
  splitter.push("Hello", [&](AnswerPart, std::string_view piece) { text += piece; });
  EXPECT_EQ(text, "Hello");
}

}  // namespace
}  // namespace linnet::text
