#include "runtime/text/byte_level.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/text/utf8.h"

namespace linnet::text {
namespace {

TEST(ByteLevel, EveryByteHasItsOwnCharacter) {
  std::set<char32_t> characters;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t character = byte_level_character(static_cast<std::uint8_t>(byte));
    characters.insert(character);
    char text[4];
    std::string back;
    ASSERT_TRUE(append_byte_level({text, write_code_point(character, text)}, back));
    EXPECT_EQ(back, std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
  EXPECT_EQ(byte_level_character(' '), U'Ġ');
  EXPECT_EQ(byte_level_character('\n'), U'Ċ');
  EXPECT_EQ(byte_level_character('A'), U'A');
}

TEST(ByteLevel, RefusesOtherCharactersAndKeepsWhatWasThere) {
  std::string out = "kept";
  EXPECT_FALSE(append_byte_level("a▁b", out));
  EXPECT_FALSE(append_byte_level(" ", out));
  EXPECT_FALSE(append_byte_level("\xFF", out));
  EXPECT_EQ(out, "kept");
}

}  // namespace
}  // namespace linnet::text
