#include "runtime/text/grammar/grammar.h"

#include <gtest/gtest.h>

#include <string>

namespace linnet::text {
namespace {

std::string refusal(std::string_view text, const GrammarLimits& limits = {}) {
  const auto grammar = Grammar::compile(text, limits);
  return grammar ? std::string("accepted") : grammar.error().message;
}

TEST(Grammar, CompilesWhatItShould) {
  for (const char* text : {
           "root ::= \"a\"",
           "root ::= # a comment\n  \"a\" | other # more\nother ::= [a-z]+ .?",
           "root ::= (\"a\" | \"b\"){2,5} x\nx ::= \"[\" (x (\",\" x)*)? \"]\"",
           "root ::= \"\"",
           "root ::=\n| \"a\"\n| \"b\"",
           R"(root ::= [^"\\\x00-\x1f] [\]\[\-^] [a-])",
           R"(root ::= "\u00e9\U0001F600\n" %copy-words %copy-words-raw)",
           "root ::= \"a\"{0}",
       }) {
    EXPECT_EQ(refusal(text), "accepted") << text;
  }
}

TEST(Grammar, RefusesBadSyntaxWithItsPlace) {
  EXPECT_EQ(refusal("root ::= \"a"), "grammar: line 1, column 12: the literal has no end");
  EXPECT_EQ(refusal("root ::= [a"), "grammar: line 1, column 12: the class has no end");
  EXPECT_EQ(refusal("root ::= [z-a]"), "grammar: line 1, column 14: the range's end is below its start");
  EXPECT_EQ(refusal("root ::= []"), "grammar: line 1, column 10: the class has no characters");
  EXPECT_EQ(refusal("root ::= (\"a\""), "grammar: line 1, column 14: expected ')'");
  EXPECT_EQ(refusal("root ::= \"a\")"), "grammar: line 1, column 13: expected an expression, '|' or the next rule");
  EXPECT_EQ(refusal(R"(root ::= "\q")"), "grammar: line 1, column 12: unknown escape");
  EXPECT_EQ(refusal(R"(root ::= "\xg0")"), "grammar: line 1, column 13: expected a hexadecimal digit");
  EXPECT_EQ(refusal(R"(root ::= "\ud800")"), "grammar: line 1, column 17: not a Unicode character");
  EXPECT_EQ(refusal("root ::= \"a\"{5,2}"), "grammar: line 1, column 17: the second number is below the first");
  EXPECT_EQ(refusal("root ::= %paste"),
            "grammar: line 1, column 10: unknown terminal; there are %copy-words and %once-NAME");
  EXPECT_EQ(refusal("root ::= %once- \"a\""), refusal("root ::= %paste"));
  std::string onces = "root ::=";
  for (int i = 0; i < 64; ++i) onces += " %once-n" + std::to_string(i) + " %once-n0";
  EXPECT_TRUE(Grammar::compile(onces + " \"a\""));
  EXPECT_EQ(refusal("root ::= " + onces.substr(8) + "\n%once-more"),
            "grammar: line 2, column 1: more than 64 names of %once-NAME");
  EXPECT_EQ(refusal("\n  é"), "grammar: line 2, column 3: expected a rule: name ::= …");
  EXPECT_EQ(refusal("root ::= \"é\" \xFF"), "grammar: line 1, column 14: broken UTF-8");
  EXPECT_EQ(refusal("root ::= \"a\"?????????"), "grammar: line 1, column 22: too many of ? * + {…} after each other");
}

TEST(Grammar, RefusesRulesThatCannotWork) {
  EXPECT_EQ(refusal("rot ::= \"a\""), "grammar: line 1, column 1: there is no rule named root");
  EXPECT_EQ(refusal("root ::= \"a\"\nroot ::= \"b\""), "grammar: line 2, column 1: rule 'root' is defined twice");
  EXPECT_EQ(refusal("root ::= \"a\" missing"), "grammar: line 1, column 14: rule 'missing' is not defined");
  EXPECT_EQ(refusal("root ::= \"a\"\nx ::= \"b\""), "grammar: line 2, column 1: rule 'x' is never reached from root");
  EXPECT_EQ(refusal(R"(root ::= root "a" | "b")"),
            "grammar: line 1, column 1: rule 'root' is left-recursive: it may start with itself");
  EXPECT_EQ(refusal("root ::= a\na ::= \"\" b\nb ::= \"x\"? a \"y\" | \"z\""),
            "grammar: line 2, column 1: rule 'a' is left-recursive: it may start with itself");
  EXPECT_EQ(refusal("root ::= \"a\" root"),
            "grammar: line 1, column 1: rule 'root' can never end: it always needs itself again");
}

TEST(Grammar, LimitsHold) {
  EXPECT_EQ(refusal("root ::= \"a\"", {.text_bytes = 4}), "grammar: line 1, column 1: longer than 4 bytes");
  EXPECT_EQ(refusal("root ::= a b\na ::= \"a\"\nb ::= \"b\"", {.rules = 2}),
            "grammar: line 1, column 12: more than 2 rules");
  EXPECT_EQ(refusal("root ::= \"a\"{70000}"), "grammar: line 1, column 18: repeats more than 65536 times");
  EXPECT_NE(refusal("root ::= ((\"a\"{60000}){60000}){60000}").find("states"), std::string::npos);
  EXPECT_NE(refusal("root ::= ((\"\"{60000}){60000}){60000}").find("states"), std::string::npos);
  EXPECT_NE(refusal("root ::= " + std::string(100, '(') + "\"a\"").find("too deep"), std::string::npos);
}

}  // namespace
}  // namespace linnet::text
