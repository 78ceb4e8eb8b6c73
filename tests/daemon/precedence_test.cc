// Who advances and who pauses: by urgency, by age, and never so that nobody can go on.
#include "runtime/daemon/precedence.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace linnet::daemon {
namespace {

std::string names(std::bitset<kMostClaims> chosen) {
  std::string text;
  for (std::size_t i = 0; i < kMostClaims; ++i) {
    if (chosen[i]) text += static_cast<char>('a' + i);
  }
  return text;
}

TEST(Precedence, TheMoreUrgentThenTheOlder) {
  const std::vector<Claim> claims = {{Priority::kLow, 1, 1, 1},
                                     {Priority::kNormal, 4, 1, 1},
                                     {Priority::kNormal, 2, 1, 1},
                                     {Priority::kHigh, 5, 1, 1}};
  EXPECT_EQ(names(advancing(claims, 1, 100)), "d");
  EXPECT_EQ(names(advancing(claims, 2, 100)), "cd");
  EXPECT_EQ(names(advancing(claims, 3, 100)), "bcd");
  EXPECT_EQ(names(advancing(claims, 9, 100)), "abcd");
  EXPECT_EQ(names(advancing({}, 9, 100)), "");
}

TEST(Precedence, WhoHasNoRoomToFinishWaitsAndOthersGoOn) {
  const std::vector<Claim> claims = {{Priority::kLow, 1, 5, 8}, {Priority::kHigh, 2, 0, 6}, {Priority::kLow, 3, 0, 2}};
  EXPECT_EQ(names(advancing(claims, 2, 16)), "ab");
  EXPECT_EQ(names(advancing(claims, 3, 16)), "abc");
  EXPECT_EQ(names(advancing(claims, 2, 11)), "b") << "the urgent one fits beside what is held, no other then";
  EXPECT_EQ(names(advancing(claims, 2, 10)), "ac") << "it does not fit: the others go on";
}

// Answers come at random and grow page by page: somebody always advances, pages are never short, all end.
TEST(Precedence, NobodyIsEverStuck) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t pages = 4 + random() % 13;
    const std::size_t at_once = 1 + random() % 4;
    const std::size_t lanes = at_once + random() % 5;
    std::vector<Claim> claims;
    std::uint64_t come = 0;
    while (come < 60 || !claims.empty()) {
      while (come < 60 && claims.size() < lanes && random() % 2 == 0) {
        claims.push_back({static_cast<Priority>(random() % 3), ++come, 0, 1 + random() % pages});
      }
      if (claims.empty()) continue;
      const auto chosen = advancing(claims, at_once, pages);
      ASSERT_TRUE(chosen.any());
      ASSERT_LE(chosen.count(), at_once);
      std::size_t held = 0;
      for (std::size_t i = 0; i < claims.size(); ++i) {
        if (chosen[i] && random() % 3 == 0) ++claims[i].held;
        held += claims[i].held;
      }
      ASSERT_LE(held, pages);
      std::erase_if(claims, [&](const Claim& claim) { return claim.held == claim.most; });
    }
  }
}

}  // namespace
}  // namespace linnet::daemon
