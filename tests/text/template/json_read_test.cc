#include "runtime/text/template/json_read.h"

#include <gtest/gtest.h>

#include "runtime/text/template/template.h"

namespace linnet::templates {
namespace {

std::string round_trip(std::string_view json) {
  const auto value = parse_json(json);
  if (!value) return value.error().message;
  Dict context;
  context.set("x", *value);
  return Template::parse("{{ x | tojson }}")->render(Value::dict(context)).value_or("failed");
}

TEST(JsonReadTest, KeepsOrderTypesAndText) {
  for (const char* json : {"null", "true", "-5", "9223372036854775807", "-9223372036854775808", "1.5", "1e+100",
                           "\"é😀\\n\"", "[]", "{}", R"({"b": 1, "a": [1, 2.0, {"c": null}], "": ""})"}) {
    EXPECT_EQ(round_trip(json), json);
  }
  EXPECT_EQ(round_trip("1E5"), "100000.0");
  EXPECT_EQ(round_trip("-0.0"), "-0.0");
  EXPECT_EQ(round_trip("[1e999, 1e-999]"), "[Infinity, 0.0]");
  EXPECT_EQ(round_trip(R"({"a": 1, "b": 2, "a": 3})"), R"({"a": 3, "b": 2})");
  EXPECT_EQ(round_trip(R"("\ud83d\ude00")"), "\"😀\"");
}

TEST(JsonReadTest, RefusesWhatIsNotJson) {
  for (const char* json : {"", "{", "[1,", "nul", "{'a': 1}", "[1] 2", R"("\ud83d")", "\"\xff\"", "01", "NaN"}) {
    const auto value = parse_json(json);
    EXPECT_FALSE(value.has_value()) << json;
  }
}

TEST(JsonReadTest, RefusesWhatIsBeyondItsBounds) {
  EXPECT_EQ(parse_json("18446744073709551615").error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(parse_json("99999999999999999999999").error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(parse_json(std::string(65, '[') + std::string(65, ']')).error().kind, ErrorKind::kUnsupported);
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')).has_value());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
}

}  // namespace
}  // namespace linnet::templates
