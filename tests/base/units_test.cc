#include "runtime/base/units.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(Bytes, ReadAsPeopleWriteThem) {
  EXPECT_EQ(parse_bytes("1500")->count, 1500u);
  EXPECT_EQ(parse_bytes("512M")->count, 512ull << 20);
  EXPECT_EQ(parse_bytes("1.5GiB")->count, 3ull << 29);
  EXPECT_EQ(parse_bytes("4kb")->count, 4096u);
}

TEST(Bytes, NonsenseIsRefused) {
  for (const char* text : {"", "M", "-1", "12X", "1 G", "1e99", "99999999999T", "5Mi", "nan"}) {
    const auto size = parse_bytes(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().kind, ErrorKind::kUsage);
  }
}

TEST(Bytes, WrittenWithThreeDigits) {
  EXPECT_EQ(to_string(Bytes{512}), "512 B");
  EXPECT_EQ(to_string(Bytes{1536}), "1.50 KiB");
  EXPECT_EQ(to_string(Bytes{25ull << 20}), "25.0 MiB");
}

}  // namespace
}  // namespace linnet
