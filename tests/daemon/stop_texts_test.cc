#include "runtime/daemon/stop_texts.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet::daemon {
namespace {

// What comes out of `pieces`, put together.
std::string shown(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopTexts filter(stops);
  std::string out;
  for (const std::string& piece : pieces) out += filter.push(piece);
  return out += filter.finish();
}

TEST(StopTexts, WithoutAnyEverythingPassesAtOnce) { EXPECT_EQ(shown({}, {"a", "", "b"}), "ab"); }

TEST(StopTexts, AStopTextEndsTheAnswerWhereverItIsCut) {
  EXPECT_EQ(shown({"END"}, {"one EN", "D two"}), "one ");
  EXPECT_EQ(shown({"END"}, {"E", "N", "D"}), "");
  EXPECT_EQ(shown({"END"}, {"oneENDtwo", "three"}), "one");
  EXPECT_EQ(shown({"two", "one"}, {"x one two"}), "x ") << "the first in the text, not in the list";
}

TEST(StopTexts, WhatOnlyBeganLikeOneComesOutLater) {
  EXPECT_EQ(shown({"END"}, {"one EN", "T"}), "one ENT");
  EXPECT_EQ(shown({"END"}, {"one EN"}), "one EN") << "held back in vain until the end";
  EXPECT_EQ(shown({"aab"}, {"aa", "aab!"}), "aa") << "a beginning inside a beginning";
}

}  // namespace
}  // namespace linnet::daemon
