#include "models/synthetic/vocabulary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <unordered_map>

namespace linnet::synthetic {
namespace {

class VocabularyTest : public testing::TestWithParam<std::string_view> {};

TEST_P(VocabularyTest, HasTheSizeAndSpecialTokensOfTheRealOneAndEveryEntryIsOneMergeOfEarlierEntries) {
  const Shape& shape = *find_shape(GetParam());
  const auto vocabulary = make_vocabulary(shape, 5);
  ASSERT_EQ(vocabulary.tokens.size(), shape.vocabulary);
  ASSERT_EQ(vocabulary.types.size(), shape.vocabulary);
  EXPECT_EQ(vocabulary.types[vocabulary.bos], 3);
  EXPECT_EQ(vocabulary.types[vocabulary.eos], 3);

  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    ASSERT_TRUE(ids.emplace(vocabulary.tokens[id], id).second) << vocabulary.tokens[id] << " occurs twice";
  }
  const auto normal = static_cast<std::size_t>(std::ranges::count(vocabulary.types, 1));
  EXPECT_EQ(vocabulary.merges.size(), normal - 256);
  for (const auto& merge : vocabulary.merges) {
    const auto space = merge.find(' ');
    ASSERT_NE(space, std::string::npos);
    const auto whole = ids.find(merge.substr(0, space) + merge.substr(space + 1));
    ASSERT_NE(whole, ids.end()) << merge;
    ASSERT_LT(ids.at(merge.substr(0, space)), whole->second);
    ASSERT_LT(ids.at(merge.substr(space + 1)), whole->second);
  }
}

TEST(Vocabulary, IsTheSameForTheSameSeed) {
  const Shape& shape = *find_shape("tiny");
  EXPECT_EQ(make_vocabulary(shape, 5).tokens, make_vocabulary(shape, 5).tokens);
  EXPECT_NE(make_vocabulary(shape, 5).tokens, make_vocabulary(shape, 6).tokens);
}

INSTANTIATE_TEST_SUITE_P(Models, VocabularyTest,
                         testing::Values("tiny", "smollm2-135m", "llama3.2-1b", "deepseek-r1-distill-qwen-7b"));

}  // namespace
}  // namespace linnet::synthetic
