#include "runtime/text/template/characters.h"

#include <gtest/gtest.h>

#include "runtime/text/template/repr.h"
#include "runtime/text/template/text_search.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {
namespace {

TEST(CharactersTest, CaseMappingsMayGrow) {
  EXPECT_EQ(to_upper("straße ŉ ﬃ ΐ"), "STRASSE ʼN FFI \u0399\u0308\u0301");
  EXPECT_EQ(to_lower("İ ΑΣΑ ΑΣ Σ."), "i\u0307 ασα ας σ.");
  EXPECT_EQ(to_title("ǆ ßx they're"), "ǅ Ssx They'Re");
  EXPECT_EQ(to_capitalized("éCOLE"), "École");
  EXPECT_EQ(to_swapped_case("aBß"), "AbSS");
}

TEST(Utf8Test, WalksBothWaysOverAnyBytes) {
  const std::string text = "aé€😀\x80\xff\xe2\x82";
  std::vector<std::size_t> forward;
  for (std::size_t position = 0; position < text.size(); position += code_point_size(text, position)) {
    forward.push_back(position);
  }
  EXPECT_EQ(forward.size(), count_code_points(text));
  for (std::size_t end = text.size(); end > 0;) {
    (void)previous_code_point(text, end);
    EXPECT_EQ(end, forward.back());
    forward.pop_back();
  }
  EXPECT_TRUE(forward.empty());
}

TEST(Utf8Test, KnowsWhatIsUtf8) {
  EXPECT_TRUE(is_utf8("aé€😀\xF4\x8F\xBF\xBF"));
  for (const char* bytes : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bytes));
  }
}

TEST(TextSearchTest, StripsWholeCharactersOnly) {
  EXPECT_EQ(strip("éaé", "é", Side::kBoth), "a");
  EXPECT_EQ(strip_space("\u00a0\u3000a\u2003", Side::kBoth), "a");
  EXPECT_EQ(strip_space(" a ", Side::kLeft), "a ");
}

TEST(ReprTest, FloatsAreShortest) {
  EXPECT_EQ(float_repr(0.1), "0.1");
  EXPECT_EQ(float_repr(1e16), "1e+16");
  EXPECT_EQ(float_repr(9999999999999998), "9999999999999998.0");
  EXPECT_EQ(float_repr(0.0001), "0.0001");
  EXPECT_EQ(float_repr(0.00001), "1e-05");
  EXPECT_EQ(float_repr(-0.0), "-0.0");
  EXPECT_EQ(float_repr(5e-324), "5e-324");
}

}  // namespace
}  // namespace linnet::templates
