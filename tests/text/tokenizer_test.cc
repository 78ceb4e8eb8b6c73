#include "runtime/text/tokenizer.h"

#include <gtest/gtest.h>

#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options = {}) {
  std::vector<std::byte> scratch(tokenizer.scratch_bytes(std::max<std::size_t>(text.size() * 3, 16)));
  std::vector<TokenId> ids(Tokenizer::most_tokens(text.size() * 3));
  const auto count = tokenizer.encode(text, options, ids, scratch);
  EXPECT_TRUE(count) << count.error().message;
  ids.resize(count.value_or(0));
  return ids;
}

using Ids = std::vector<TokenId>;

class SmallTokenizer : public testing::Test {
 protected:
  SmallTokenizer() : vocabulary_({"h e", "l l", "he ll", "hell o"}) {
    end_ = vocabulary_.add("<|im_end|>", TokenType::kControl);
    begin_ = vocabulary_.add("<bos>", TokenType::kControl);
    user_ = vocabulary_.add("<tool>", TokenType::kUserDefined);
    longer_ = vocabulary_.add("<tool>s", TokenType::kUserDefined);
    vocabulary_.source().bos = begin_;
    vocabulary_.source().eos = end_;
  }
  Tokenizer make() {
    auto tokenizer = Tokenizer::create(vocabulary_.source());
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return std::move(*tokenizer);
  }

  SmallVocabulary vocabulary_;
  TokenId end_, begin_, user_, longer_;
};

TEST_F(SmallTokenizer, MergesWords) {
  const Tokenizer tokenizer = make();
  EXPECT_EQ(ids_of(tokenizer, "hello"), (Ids{259}));
  EXPECT_EQ(ids_of(tokenizer, "hell"), (Ids{258}));
  EXPECT_EQ(ids_of(tokenizer, ""), (Ids{}));
}

TEST_F(SmallTokenizer, SpecialTokensAreParsedOnlyOnRequest) {
  const Tokenizer tokenizer = make();
  EXPECT_EQ(ids_of(tokenizer, "hello<|im_end|>", {.parse_special = true}), (Ids{259, end_}));
  EXPECT_GT(ids_of(tokenizer, "hello<|im_end|>").size(), 2u);
  EXPECT_EQ(ids_of(tokenizer, "hello<tool>hello"), (Ids{259, user_, 259}));
  EXPECT_EQ(ids_of(tokenizer, "<tool>s<tool>"), (Ids{longer_, user_}));  // Of two the longest.
}

TEST_F(SmallTokenizer, AddsBosAndEosAsTheFileSays) {
  EXPECT_EQ(ids_of(make(), "hello"), (Ids{259}));
  vocabulary_.source().add_bos = true;
  vocabulary_.source().add_eos = true;
  EXPECT_EQ(ids_of(make(), "hello"), (Ids{begin_, 259, end_}));
  EXPECT_EQ(ids_of(make(), "hello", {.add_special = false}), (Ids{259}));
}

TEST_F(SmallTokenizer, KnowsWhatEndsAGeneration) {
  const Tokenizer tokenizer = make();
  EXPECT_TRUE(tokenizer.ends_generation(end_));
  EXPECT_FALSE(tokenizer.ends_generation(begin_));
  EXPECT_FALSE(tokenizer.ends_generation(kNoToken));
  EXPECT_EQ(tokenizer.find_special("<|im_end|>"), end_);
  EXPECT_EQ(tokenizer.find_special("<|im"), kNoToken);
}

TEST_F(SmallTokenizer, BrokenUtf8ReadsAsReplacementCharacters) {
  const Tokenizer tokenizer = make();
  EXPECT_EQ(ids_of(tokenizer, "a\xFF\xE2\x82z"), ids_of(tokenizer, "a\xEF\xBF\xBD\xEF\xBF\xBDz"));
  EXPECT_EQ(ids_of(tokenizer, "\xFF"), ids_of(tokenizer, "\xEF\xBF\xBD"));
}

TEST_F(SmallTokenizer, RefusesWhatWasNotPlanned) {
  const Tokenizer tokenizer = make();
  std::vector<std::byte> scratch(tokenizer.scratch_bytes(8));
  std::vector<TokenId> ids(100);
  EXPECT_TRUE(tokenizer.encode("12345678", {}, ids, scratch));
  EXPECT_FALSE(tokenizer.encode("123456789", {}, ids, scratch));
  EXPECT_FALSE(tokenizer.encode("\xFF\xFF\xFF", {}, ids, scratch));  // Nine bytes once repaired.
  ids.resize(2);
  const auto full = tokenizer.encode("12345678", {}, ids, scratch);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::kExhausted);
  EXPECT_FALSE(tokenizer.encode("a", {}, ids, std::span(scratch).first(10)));
}

TEST_F(SmallTokenizer, RefusesUnknownModelsByName) {
  vocabulary_.source().model = "rwkv";
  const auto tokenizer = Tokenizer::create(vocabulary_.source());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(tokenizer.error().message.find("rwkv"), std::string::npos);
}

TEST_F(SmallTokenizer, PiecesOfControlTokensAreNotText) {
  const Tokenizer tokenizer = make();
  EXPECT_EQ(tokenizer.piece(end_), "");
  EXPECT_EQ(tokenizer.name(end_), "<|im_end|>");
  EXPECT_EQ(tokenizer.piece(user_), "<tool>");
  EXPECT_EQ(tokenizer.piece(259), "hello");
  EXPECT_EQ(tokenizer.piece(-1), "");
  EXPECT_EQ(tokenizer.piece(100000), "");
}

}  // namespace
}  // namespace linnet::text
