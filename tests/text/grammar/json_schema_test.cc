#include "runtime/text/grammar/json_schema.h"

#include <gtest/gtest.h>

#include "runtime/text/grammar/constraint.h"
#include "runtime/text/grammar/json_number.h"
#include "tests/text/small_vocabulary.h"

namespace linnet::text {
namespace {

class JsonSchema : public testing::Test {
 protected:
  JsonSchema() : vocabulary_({"q q"}) {
    vocabulary_.source().eos = vocabulary_.add("<|im_end|>", TokenType::kControl);
    tokenizer_.emplace(std::move(*Tokenizer::create(vocabulary_.source())));
    trie_.emplace(TokenTrie::build(*tokenizer_));
    constraint_.emplace(*trie_);
  }

  // Whether the grammar takes the whole text.
  bool takes(const std::string& grammar_text, std::string_view text) {
    const auto grammar = Grammar::compile(grammar_text);
    EXPECT_TRUE(grammar) << grammar.error().message << "\n" << grammar_text;
    if (!grammar || !constraint_->reset(*grammar)) return false;
    for (const char c : text) {
      if (!constraint_->accept(static_cast<unsigned char>(c))) return false;
    }
    return constraint_->may_finish();
  }
  bool allows(std::string_view schema, std::string_view text) {
    const auto grammar = grammar_of_json_schema(schema);
    EXPECT_TRUE(grammar) << grammar.error().message;
    return grammar && takes(*grammar, text);
  }
  static std::string refusal(std::string_view schema) {
    const auto grammar = grammar_of_json_schema(schema);
    return grammar ? "accepted" : grammar.error().message;
  }

  SmallVocabulary vocabulary_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<TokenTrie> trie_;
  std::optional<Constraint> constraint_;
};

TEST_F(JsonSchema, ObjectsHaveTheirPropertiesInOrder) {
  const char* schema = R"({"type": "object", "required": ["b"], "properties":
      {"a": {"type": "integer"}, "b": {"type": "boolean"}, "c": {"type": "null"}}})";
  EXPECT_TRUE(allows(schema, R"({"b": true})"));
  EXPECT_TRUE(allows(schema, R"({"a": 5, "b": false, "c": null})"));
  EXPECT_TRUE(allows(schema, R"({"a":5,"b":false})"));
  EXPECT_TRUE(allows(schema, R"({"b":false,"c":null})"));
  EXPECT_FALSE(allows(schema, R"({"a": 5})"));
  EXPECT_FALSE(allows(schema, R"({})"));
  EXPECT_FALSE(allows(schema, R"({"b": true, "a": 5})"));
  EXPECT_FALSE(allows(schema, R"({"b": true, "d": 5})"));
  EXPECT_TRUE(allows(R"({"type":"object"})", R"({"any": [1, {"x": "y"}]})"));
  EXPECT_TRUE(allows(R"({"additionalProperties":{"type":"integer"}})", R"({"x": 1, "y": 2})"));
  EXPECT_FALSE(allows(R"({"additionalProperties":false})", R"({"x": 1})"));
}

TEST_F(JsonSchema, StringsHaveLengthsPatternsAndEscapes) {
  EXPECT_TRUE(allows(R"({"type":"string","maxLength":3})", "\"é\\n\\\"\""));
  EXPECT_FALSE(allows(R"({"type":"string","maxLength":3})", "\"abcd\""));
  EXPECT_FALSE(allows(R"({"type":"string","minLength":2})", "\"a\""));
  EXPECT_FALSE(allows(R"({"type":"string"})", "\"a\nb\""));
  EXPECT_TRUE(allows(R"({"type":"string","pattern":"^a[\"x]+$"})", R"("ax\"x")"));
  EXPECT_FALSE(allows(R"({"type":"string","pattern":"^a[\"x]+$"})", R"("ax"x")"));
  EXPECT_TRUE(allows(R"({"type":"string","pattern":"b|^c$"})", R"("aba")"));
  EXPECT_FALSE(allows(R"({"type":"string","pattern":"b|^c$"})", R"("ac")"));
  EXPECT_TRUE(allows(R"({"type":"string","format":"date"})", R"("2026-11-23")"));
  EXPECT_FALSE(allows(R"({"type":"string","format":"date"})", R"("2026-13-23")"));
}

TEST_F(JsonSchema, ArraysCountTheirItems) {
  const char* schema = R"({"type":"array","items":{"enum":["x","y"]},"minItems":1,"maxItems":2})";
  EXPECT_FALSE(allows(schema, "[]"));
  EXPECT_TRUE(allows(schema, R"(["x"])"));
  EXPECT_TRUE(allows(schema, R"(["x", "y"])"));
  EXPECT_FALSE(allows(schema, R"(["x", "y", "x"])"));
  EXPECT_TRUE(allows(R"({"prefixItems":[{"const":1},{"const":2}]})", "[1, 2]"));
  EXPECT_FALSE(allows(R"({"prefixItems":[{"const":1},{"const":2}]})", "[2]"));
}

TEST_F(JsonSchema, ReferencesMayBeRecursive) {
  const char* schema = R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["v"],
      "properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/n"}}}}})";
  EXPECT_TRUE(allows(schema, R"({"v": 1, "next": {"v": 2, "next": {"v": 3}}})"));
  EXPECT_FALSE(allows(schema, R"({"v": 1, "next": {}})"));
}

TEST_F(JsonSchema, RefusesWithThePlace) {
  EXPECT_EQ(refusal("{"), "schema: not JSON");
  EXPECT_EQ(refusal("5"), "schema: #: a schema is an object or a boolean");
  EXPECT_EQ(refusal("false"), "schema: #: nothing is allowed here");
  EXPECT_EQ(refusal(R"({"properties":{"a/b":{"not":{}}}})"),
            "schema: #/properties/a~1b/not: this keyword cannot be promised");
  EXPECT_EQ(refusal(R"({"type":"whole"})"), "schema: #/type: unknown type \"whole\"");
  EXPECT_EQ(refusal(R"g({"type":"string","pattern":"^(?=a)"})g"),
            "schema: #/pattern: look-around, names and flags in a group at character 3");
  EXPECT_EQ(refusal(R"({"$ref":"http://example.com/b"})"),
            "schema: #/$ref: only references inside the schema (#/…) are followed");
  EXPECT_EQ(refusal(R"({"$ref":"#/$defs/x"})"), "schema: #/$ref: there is no #/$defs/x");
  EXPECT_EQ(refusal(R"({"anyOf":[{"type":"null"}],"minimum":3})"), "schema: #/minimum: beside anyOf");
  EXPECT_EQ(
      refusal(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})"),
      "schema: #/oneOf: the branches do not exclude each other by their types or by a constant property; use anyOf");
  EXPECT_EQ(refusal(R"({"type":"integer","minimum":3,"maximum":2})"), "schema: #: no number lies between the bounds");
  EXPECT_EQ(refusal(R"({"type":"number","minimum":0.5})"), "schema: #/minimum: a bound that is not whole");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += R"({"items":)";
  EXPECT_NE(refusal(deep + "{}" + std::string(100, '}')).find("nested too deep"), std::string::npos);
}

TEST_F(JsonSchema, IntegersLieBetweenTheirBounds) {
  const std::pair<std::int64_t, std::int64_t> bounds[] = {{0, 0},    {0, 9},     {7, 13},  {-3, 4},    {-120, -7},
                                                          {99, 101}, {-1, 1000}, {10, 10}, {190, 1205}};
  for (const auto& [least, most] : bounds) {
    const std::string grammar = "root ::= " + grammar_of_integers({least, most});
    for (std::int64_t value = -1300; value <= 1300; ++value) {
      ASSERT_EQ(takes(grammar, std::to_string(value)), value >= least && value <= most) << value << " " << grammar;
    }
    EXPECT_FALSE(takes(grammar, "-0"));
    EXPECT_FALSE(takes(grammar, "007"));
  }
  EXPECT_TRUE(takes("root ::= " + grammar_of_integers({5, std::nullopt}), "123456"));
  EXPECT_FALSE(takes("root ::= " + grammar_of_integers({5, std::nullopt}), "4"));
  EXPECT_FALSE(takes("root ::= " + grammar_of_integers({std::nullopt, -5}), "-4"));
  EXPECT_TRUE(takes("root ::= " + grammar_of_integers({std::nullopt, -5}), "-40"));
}

TEST_F(JsonSchema, NumbersLieBetweenTheirBounds) {
  const char* fractions[] = {"", ".0", ".5", ".50", ".05"};
  for (const auto& [least, most] : {std::pair<std::int64_t, std::int64_t>{0, 3}, {-2, 2}, {-5, -3}, {1, 2}}) {
    for (const bool above : {false, true}) {
      for (const bool below : {false, true}) {
        const std::string grammar = "root ::= " + grammar_of_numbers({least, most}, above, below);
        for (int whole = -7; whole <= 7; ++whole) {
          for (const char* fraction : fractions) {
            const std::string text = std::to_string(whole) + fraction;
            const double value = std::stod(text);
            const bool inside = (above ? value > static_cast<double>(least) : value >= static_cast<double>(least)) &&
                                (below ? value < static_cast<double>(most) : value <= static_cast<double>(most));
            ASSERT_EQ(takes(grammar, text), inside) << text << " " << grammar;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace linnet::text
