// Masks and ends against an independent engine: PCRE2's partial matching of the same language.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/text/grammar/constraint.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <random>

#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

// What may be said about a text by an expression that describes the whole of it. Bytes, not characters.
class Oracle {
 public:
  explicit Oracle(const std::string& expression) {
    const std::string whole = "^(?:" + expression + ")\\z";
    int error = 0;
    std::size_t place = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(whole.data()), whole.size(), PCRE2_NO_START_OPTIMIZE, &error,
                          &place, nullptr);
    EXPECT_NE(code_, nullptr) << expression << " at " << place;
    data_ = pcre2_match_data_create(4, nullptr);
  }
  ~Oracle() {
    pcre2_match_data_free(data_);
    pcre2_code_free(code_);
  }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  bool complete(const std::string& text) const { return match(text, 0) >= 0; }
  bool may_begin(const std::string& text) const {
    return complete(text) || match(text, PCRE2_PARTIAL_HARD) == PCRE2_ERROR_PARTIAL;
  }

 private:
  int match(const std::string& text, std::uint32_t options) const {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, options, data_, nullptr);
  }
  pcre2_code* code_ = nullptr;
  pcre2_match_data* data_ = nullptr;
};

class ConstraintTest : public testing::Test {
 protected:
  ConstraintTest()
      : vocabulary_(
            {"l i", "li g", "lig h", "ligh t", "t o",     "to m", "\\ \"",   "\" :", "[ [", "] ]",  "a b",  "ab c",
             "1 2", "o f",  "of f",  "Ġ off",  "light s", "\" ,", "\",  \"", "Ã ©",  "t u", "tu r", "tur n"}) {
    end_ = vocabulary_.add("<|im_end|>", TokenType::kControl);
    vocabulary_.add("<other>", TokenType::kControl);
    vocabulary_.add("user", TokenType::kUserDefined);
    vocabulary_.source().eos = end_;
    auto tokenizer = Tokenizer::create(vocabulary_.source());
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(std::move(*tokenizer));
    trie_.emplace(TokenTrie::build(*tokenizer_));
  }

  // Random texts that the grammar allows, every mask on the way compared bit by bit.
  void compare(const std::string& text, const std::string& expression, const std::string& source = "",
               const ConstraintLimits& limits = {}) {
    const auto grammar = Grammar::compile(text);
    ASSERT_TRUE(grammar) << grammar.error().message;
    const Oracle oracle(expression);
    Constraint constraint(*trie_, limits);
    std::vector<std::uint64_t> mask(constraint.mask_words());
    std::mt19937 random(11);
    int finished = 0;
    for (int round = 0; round < 40; ++round) {
      ASSERT_TRUE(constraint.reset(*grammar, source));
      std::string so_far;
      for (int step = 0; step < 40; ++step) {
        std::vector<TokenId> allowed;
        for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer_->token_count(); ++id) {
          const std::string piece(tokenizer_->piece(id));
          const bool fits = id == end_ ? oracle.complete(so_far) : !piece.empty() && oracle.may_begin(so_far + piece);
          if (fits) allowed.push_back(id);
        }
        const auto count = constraint.mask(mask);
        ASSERT_TRUE(count) << count.error().message << " after " << so_far;
        std::vector<TokenId> got;
        for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer_->token_count(); ++id) {
          if (mask[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) got.push_back(id);
        }
        ASSERT_EQ(got, allowed) << "after '" << so_far << "'";
        ASSERT_EQ(*count, got.size());
        ASSERT_EQ(constraint.forced(), got.size() == 1 ? std::optional(got[0]) : std::nullopt) << so_far;
        ASSERT_EQ(constraint.may_finish(), oracle.complete(so_far));
        const auto refused = static_cast<TokenId>(random() % tokenizer_->token_count());
        if (!std::ranges::binary_search(got, refused)) {
          ASSERT_FALSE(constraint.accept(refused)) << refused;
        }
        const TokenId next = got[random() % got.size()];
        ASSERT_TRUE(constraint.accept(next));
        if (next == end_) {
          ASSERT_TRUE(constraint.finished());
          ++finished;
          break;
        }
        so_far += tokenizer_->piece(next);
      }
    }
    EXPECT_GT(finished, 0);
  }

  SmallVocabulary vocabulary_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<TokenTrie> trie_;
  TokenId end_ = kNoToken;
};

TEST_F(ConstraintTest, LiteralsAndChoices) {
  compare(R"(root ::= "light" | "lights" | "lit" x  x ::= "abc" | "")", "light|lights|lit(?:abc)?");
}

TEST_F(ConstraintTest, Repetition) {
  compare(R"(root ::= "a"{2,4} "b"? ("12" | "c"){3} [x-z]* "!"+)", "a{2,4}b?(?:12|c){3}[x-z]*!+");
  compare(R"(root ::= ("a"? "b"*)* "c"{0} "d"{2,})", "(?:a?b*)*d{2,}");
}

TEST_F(ConstraintTest, ClassesOfCharacters) {
  compare(R"(root ::= [é-ü]{2} [^a-zA-Z0-9\x00-\x40\u0080-\U0010FFFF])", R"((?:\xC3[\xA9-\xBC]){2}[\[-`{-\x7f])");
  compare("root ::= [߿-ࠂ\\U0000FFFF-\\U00010001]",
          R"(\xDF\xBF|\xE0\xA0[\x80-\x82]|\xEF\xBF\xBF|\xF0\x90\x80[\x80\x81])");
  compare("root ::= . \"a\"",
          R"((?:[\x00-\x7f]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-)"
          R"(\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|)"
          R"(\xF4[\x80-\x8F][\x80-\xBF]{2})a)");
}

// What stands in strings is counted and copied instead of walked (PlainRun); the oracle knows nothing of that.
TEST_F(ConstraintTest, Strings) {
  const std::string character =
      R"((?:[\x20!#-\[\]-\x7f]|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|)"
      R"(\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2}))";
  for (const std::string count : {"*", "{0,3}", "{2,4}", "{5,}"}) {
    compare(R"(root ::= "\"" [^"\\\x00-\x1f])" + count + R"( "\"")", "\"" + character + count + "\"");
  }
  // One that leads elsewhere, one that is left out, and what follows without a quote.
  compare(R"(root ::= "\"" ([^"\\t\x00-\x1f] | "t" "!")* "\"")", "\"(?:(?!t)" + character + "|t!)*\"");
  compare(R"(root ::= [^"\\\x00-\x1f]{0,2} "light"?)", character + "{0,2}(?:light)?");
}

TEST_F(ConstraintTest, Recursion) {
  compare(R"(root ::= list  list ::= "[" (list ("," list)*)? "]" | "1")", R"((?<l>\[(?:(?&l)(?:,(?&l))*)?\]|1))");
  compare(R"(root ::= "a" root "b" | "c" tail  tail ::= "d" tail | "")", R"((?<r>a(?&r)b|cd*))");
}

TEST_F(ConstraintTest, MemoryTooSmallForAllIsStillExact) {
  compare(R"(root ::= list  list ::= "[" (list ("," list)*)? "]" | "1")", R"((?<l>\[(?:(?&l)(?:,(?&l))*)?\]|1))", "",
          {.words = 900, .stacks = 100});
}

TEST_F(ConstraintTest, CopiesWholeWords) {
  // The spans of "turn  off tom's light" by the definition: edges of words, no white space outside.
  compare(R"(root ::= "<" %copy-words-raw ">")",
          "<(?:turn(?:  off(?: tom(?:'(?:s(?: light)?)?)?)?)?|off(?: tom(?:'(?:s(?: "
          "light)?)?)?)?|tom(?:'(?:s(?: light)?)?)?|'(?:s(?: light)?)?|s(?: light)?|light)>",
          "turn  off tom's light");
}

TEST_F(ConstraintTest, CopiesWithEscapesOfJson) {
  compare(R"(root ::= "\"" %copy-words "\"")", R"g("(?:a(?:\\"(?: b)?)?|\\"(?: b)?|b)")g", "a\" b\n");
  compare(R"(root ::= %copy-words)", R"(é(?: ü_1)?|ü_1)", " é ü_1 ");
}

TEST_F(ConstraintTest, KeysComeOnceInAnyOrder) {
  // Every order of every choice of the three keys, written out; "tom" begins with "to".
  const std::string grammar = R"(root ::= "{" ( first value ( more value )* )? "}"  value ::= ":" [12]
      first ::= %once-a "to" | %once-b "tom" | %once-c "light"
      more  ::= %once-a ",to" | %once-b ",tom" | %once-c ",light")";
  const std::array<std::string, 3> keys{"to:[12]", "tom:[12]", "light:[12]"};
  std::array<std::size_t, 3> order{0, 1, 2};
  std::string orders;
  do {
    orders += "|" + keys[order[0]] + "(?:," + keys[order[1]] + "(?:," + keys[order[2]] + ")?)?";
  } while (std::ranges::next_permutation(order).found);
  compare(grammar, "\\{(?:" + orders + ")\\}");
  compare(grammar, "\\{(?:" + orders + ")\\}", "", {.words = 900, .stacks = 100});  // Forgets and finds again.
}

TEST_F(ConstraintTest, WithoutWordsCopyingIsNoWay) {
  compare(R"(root ::= "a" (%copy-words | "b"))", "ab", "   ");
  const auto grammar = Grammar::compile("root ::= \"a\" %copy-words");
  Constraint constraint(*trie_);
  const auto reset = constraint.reset(*grammar, "");
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, ErrorKind::kUsage);
}

TEST_F(ConstraintTest, RefusesASourceThatWasNotPlanned) {
  const auto grammar = Grammar::compile("root ::= %copy-words");
  Constraint constraint(*trie_, {.source_bytes = 4});
  EXPECT_TRUE(constraint.reset(*grammar, "abcd"));
  const auto reset = constraint.reset(*grammar, "abcde");
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, ErrorKind::kExhausted);
}

TEST_F(ConstraintTest, DepthIsBounded) {
  const auto grammar = Grammar::compile(R"g(root ::= "(" root ")" | "x")g");
  Constraint constraint(*trie_, {.depth = 3});
  ASSERT_TRUE(constraint.reset(*grammar));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(constraint.accept('(')) << i;
  EXPECT_FALSE(constraint.accept('('));
  EXPECT_TRUE(constraint.accept('x'));
}

TEST_F(ConstraintTest, MasksCountNothingTwice) {
  const auto grammar = Grammar::compile(R"(root ::= .*)");
  Constraint constraint(*trie_);
  ASSERT_TRUE(constraint.reset(*grammar));
  std::vector<std::uint64_t> mask(constraint.mask_words());
  const auto first = constraint.mask(mask);
  const auto copy = mask;
  ASSERT_TRUE(constraint.accept('a'));
  const auto second = constraint.mask(mask);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(copy, mask);
}

}  // namespace
}  // namespace linnet::text
