#include "runtime/text/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace linnet::text {
namespace {

// Replaces as Python's errors="replace" does; the expectations below come from Python 3.11.
std::string repaired(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = read_code_point(text);
    char bytes[4];
    out.append(bytes, write_code_point(point.value, bytes));
    text.remove_prefix(point.size);
  }
  return out;
}

TEST(Utf8, EveryScalarValueRoundTrips) {
  for (char32_t value = 0; value <= 0x10FFFF; ++value) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    char bytes[4];
    const std::string_view text(bytes, write_code_point(value, bytes));
    const CodePoint point = read_code_point(text);
    ASSERT_EQ(point.state, Utf8State::kValid);
    ASSERT_EQ(point.value, value);
    ASSERT_EQ(point.size, text.size());
    ASSERT_EQ(valid_prefix(text), text.size());
  }
}

TEST(Utf8, BrokenSequencesAreCutAtMaximalSubparts) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(repaired("a\x80z"), "a" + r + "z");
  EXPECT_EQ(repaired("\xE2\x82"), r);
  EXPECT_EQ(repaired("\xF0\x9F\x98z"), r + "z");
  EXPECT_EQ(repaired("\xC0\xAF"), r + r);                  // Overlong.
  EXPECT_EQ(repaired("\xED\xA0\x80"), r + r + r);          // A surrogate.
  EXPECT_EQ(repaired("\xF4\x90\x80\x80"), r + r + r + r);  // Above U+10FFFF.
  EXPECT_EQ(repaired("\xF0\x80\x80\x41"), r + r + r + "A");
  EXPECT_EQ(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");  // The standard's table 3-11.
}

TEST(Utf8, TellsBrokenFromIncomplete) {
  EXPECT_EQ(read_code_point("\xF0\x9F\x98").state, Utf8State::kIncomplete);
  EXPECT_EQ(read_code_point("\xE2").state, Utf8State::kIncomplete);
  EXPECT_EQ(read_code_point("\xE2z").state, Utf8State::kInvalid);
  EXPECT_EQ(read_code_point("\xFF").state, Utf8State::kInvalid);
  EXPECT_EQ(valid_prefix("plain text of some length\xFF"), 25u);
}

}  // namespace
}  // namespace linnet::text
