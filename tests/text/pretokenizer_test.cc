#include "runtime/text/pretokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace linnet::text {
namespace {

std::vector<std::string> words(std::string_view name, std::string_view text) {
  const auto row = find_pre_tokenizer(name);
  EXPECT_TRUE(row);
  const auto compiled = PreTokenizer::compile(**row);
  EXPECT_TRUE(compiled) << compiled.error().message;
  std::vector<std::byte> scratch(PreTokenizer::scratch_bytes());
  std::vector<std::string> out;
  const auto done = compiled->split(text, scratch, [&](std::string_view word) {
    out.emplace_back(word);
    return true;
  });
  EXPECT_TRUE(done) << done.error().message;
  return out;
}

using Words = std::vector<std::string>;

TEST(PreTokenizer, EveryRowCompilesAndLosesNothing) {
  const std::string text =
      "Hello, World's  42\r\n\n ünïcode 日本語 हिन्दी 🚀👩‍👩‍👧 ''ll 'LL \t x\xC2\xA0y "
      "12345678 "
      "\xE1\xA0\x8E "
      "end "
      " "
      " ";
  for (const PreTokenizerRow& row : pre_tokenizers()) {
    std::string joined;
    for (const std::string& word : words(row.name, text)) joined += word;
    EXPECT_EQ(joined, text) << row.name;
  }
}

TEST(PreTokenizer, CutsAsTheNamedExpressionsDo) {
  EXPECT_EQ(words("gpt-2", "I'm  here123 !"), (Words{"I", "'m", " ", " here", "123", " !"}));
  EXPECT_EQ(words("llama-bpe", "It'S 12345\n\n  x"), (Words{"It", "'S", " ", "123", "45", "\n\n", " ", " x"}));
  EXPECT_EQ(words("qwen2", "a 12"), (Words{"a", " ", "1", "2"}));
  EXPECT_EQ(words("smollm", "a 12 b"), (Words{"a", " ", "1", "2", " b"}));
  EXPECT_EQ(words("tekken", "HELLOworld"), (Words{"HELLOworld"}));
  EXPECT_EQ(words("gpt-4o", "He'll go"), (Words{"He'll", " go"}));
  EXPECT_EQ(words("deepseek-v3", "12345あいx"), (Words{"123", "45", "あい", "x"}));
}

TEST(PreTokenizer, CountsGroupsOfDigitsFromTheRight) {
  EXPECT_EQ(words("cohere2moe", "1234567 12 123"), (Words{"1", "234", "567", " ", "12", " ", "123"}));
  EXPECT_EQ(words("cohere2moe", "1234567x"), (Words{"123", "456", "7", "x"})) << "within a word: from the left";
  EXPECT_EQ(words("cohere2moe", "1234\u00BD"), (Words{"123", "4\u00BD"})) << "the reference's \\w has it";
  EXPECT_EQ(words("afmoe", "a1234567x"), (Words{"a", "1", "234", "567", "x"}));
  EXPECT_EQ(words("afmoe", "1234٥٦\u00B2"), (Words{"123", "4٥٦", "\u00B2"}));
  EXPECT_EQ(words("superbpe", "a b1234\u00B2345c"), (Words{"a b", "1", "234\u00B2", "345", "c"}));
  EXPECT_EQ(words("superbpe", "12\u00B234"), (Words{"12\u00B234"}));
}

TEST(PreTokenizer, CutsScriptsApart) {
  EXPECT_EQ(words("afmoe", "漢字カナไทย한국"), (Words{"漢字カナ", "ไทย", "한국"}));
  EXPECT_EQ(words("spark2_5", "x123!\n\n"), (Words{"x", "1", "2", "3", "!", "\n", "\n"}));
  EXPECT_EQ(words("ufakzeka", "Ankara'da"), (Words{"Ankara", "'da"}));
}

// U+180E was a space in old versions of Unicode; the references do not take it for one.
TEST(PreTokenizer, SpacesAreThoseOfUnicodeNow) {
  EXPECT_EQ(words("gpt-2", "a\xE1\xA0\x8E"), (Words{"a", "\xE1\xA0\x8E"}));
  EXPECT_EQ(words("llama-bpe", "\xE1\xA0\x8E\n"), (Words{"\xE1\xA0\x8E\n"}));
  EXPECT_EQ(words("llama-bpe", "\xC2\x85\n"), (Words{"\xC2\x85\n"}));
}

TEST(PreTokenizer, UnknownNameIsRefusedByName) {
  const auto row = find_pre_tokenizer("no-such-thing");
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(row.error().message.find("no-such-thing"), std::string::npos);
}

TEST(PreTokenizer, StopsWhereTheCallerSaysSo) {
  const auto row = find_pre_tokenizer("gpt-2");
  const auto compiled = PreTokenizer::compile(**row);
  std::vector<std::byte> scratch(PreTokenizer::scratch_bytes());
  int count = 0;
  EXPECT_TRUE(compiled->split("a b c d", scratch, [&](std::string_view) { return ++count < 2; }));
  EXPECT_EQ(count, 2);
}

TEST(PreTokenizer, TooLittleMemoryIsAnError) {
  const auto row = find_pre_tokenizer("gpt-2");
  const auto compiled = PreTokenizer::compile(**row);
  std::vector<std::byte> scratch(256);
  const auto done = compiled->split("a b", scratch, [](std::string_view) { return true; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kExhausted);
}

}  // namespace
}  // namespace linnet::text
