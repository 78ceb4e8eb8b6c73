#include "runtime/text/byte_digits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace linnet::text {
namespace {

using Words = std::vector<std::string>;

Words words(std::string_view text) {
  Words out;
  EXPECT_TRUE(cut_byte_digits(text, [&](std::string_view word) {
    out.emplace_back(word);
    return true;
  }));
  return out;
}

// The expected cuts are those of Hugging Face tokenizers' ByteLevel, Digits and Split (compare_tokenizers.py --pre
// falcon).
TEST(ByteDigits, NumbersAreApartAndInThrees) {
  EXPECT_EQ(words(" 12345a6"), (Words{" ", "123", "45", "a", "6"}));
  EXPECT_EQ(words("abc"), (Words{"abc"}));
  EXPECT_EQ(words(""), Words{});
}

TEST(ByteDigits, BytesThatAreWrittenAsNumbersCutCharacters) {
  EXPECT_EQ(words("\xC2\xB2"), (Words{"\xC2", "\xB2"}));  // U+00B2 ends with the byte 0xB2.
  EXPECT_EQ(words("\xE0\xA5\xBD"
                  "1234"),
            (Words{"\xE0\xA5", "\xBD", "123", "4"}));
}

TEST(ByteDigits, StopsWhereTheCallerSaysSo) {
  int count = 0;
  EXPECT_FALSE(cut_byte_digits("a1234567", [&](std::string_view) { return ++count < 3; }));
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace linnet::text
