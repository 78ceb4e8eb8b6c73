#include "runtime/cli/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace linnet::cli {
namespace {

std::string quoted(std::string_view text) { return JsonWriter().value(text).line(); }

TEST(JsonWriter, ObjectsKeepTheOrderInWhichTheyAreTold) {
  JsonWriter json;
  json.begin_object().member("b", 1).member("a", "x").key("list").begin_array().value(true).null().end_array();
  json.member("empty", std::optional<int>()).end_object();
  EXPECT_EQ(json.line(), "{\"b\": 1, \"a\": \"x\", \"list\": [true, null], \"empty\": null}\n");
}

TEST(JsonWriter, EmptyContainersAndWhatFollowsThem) {
  JsonWriter json;
  json.begin_array().begin_array().end_array().begin_object().end_object().value(2).end_array();
  EXPECT_EQ(json.line(), "[[], {}, 2]\n");
}

TEST(JsonWriter, EscapesWhatJsonForbids) {
  EXPECT_EQ(quoted("a\"b\\c\n\t\r\x01\x7F"), "\"a\\\"b\\\\c\\n\\t\\r\\u0001\x7F\"\n");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), "\"\\u0000\"\n");
}

TEST(JsonWriter, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(quoted("grün €😀"), "\"grün €😀\"\n");
  const std::string bad = "\"\xEF\xBF\xBD\"\n";
  EXPECT_EQ(quoted("\x80"), bad);
  EXPECT_EQ(quoted("\xC3"), bad);                                                   // Cut off.
  EXPECT_EQ(quoted("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"\n");                  // Overlong.
  EXPECT_EQ(quoted("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"\n");  // A surrogate.
  EXPECT_EQ(quoted("\xF4\x8F\xBF\xBF"), "\"\xF4\x8F\xBF\xBF\"\n");                  // U+10FFFF, the last.
  EXPECT_EQ(quoted("\xF4\x90\x80\x80").find('\xF4'), std::string::npos);
}

TEST(JsonWriter, NumbersReadBackAndNonFiniteOnesAreNull) {
  EXPECT_EQ(JsonWriter().value(0.1).line(), "0.1\n");
  EXPECT_EQ(JsonWriter().value(std::numeric_limits<std::uint64_t>::max()).line(), "18446744073709551615\n");
  EXPECT_EQ(JsonWriter().value(std::nan("")).line(), "null\n");
  EXPECT_EQ(JsonWriter().value(-HUGE_VAL).line(), "null\n");
}

}  // namespace
}  // namespace linnet::cli
