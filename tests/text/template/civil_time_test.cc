#include "runtime/text/template/civil_time.h"

#include <gtest/gtest.h>

namespace linnet::templates {
namespace {

std::string reformat(std::string_view time, std::string_view format) {
  const auto parsed = parse_iso8601(time);
  if (!parsed) return parsed.error().message;
  const auto text = format_time(*parsed, format);
  return text ? *text : text.error().message;
}

TEST(CivilTimeTest, ReadsIso8601) {
  constexpr std::string_view kAll = "%Y-%m-%d %H:%M:%S.%f";
  EXPECT_EQ(reformat("2025-07-26", kAll), "2025-07-26 00:00:00.000000");
  EXPECT_EQ(reformat("2025-07-26T14:05", kAll), "2025-07-26 14:05:00.000000");
  EXPECT_EQ(reformat("2025-07-26 14:05:09", kAll), "2025-07-26 14:05:09.000000");
  EXPECT_EQ(reformat("2025-07-26T14:05:09.25Z", kAll), "2025-07-26 14:05:09.250000");
  EXPECT_EQ(reformat("2024-02-29T23:59:59,123456789+02:00", kAll), "2024-02-29 23:59:59.123456");
}

TEST(CivilTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2025", "2025-7-26", "2025-13-01", "2025-00-01", "2025-02-29", "2025-07-26T", "2025-07-26T25:00",
        "2025-07-26T14:60", "2025-07-26T14:05:61", "2025-07-26x", "0000-01-01", "2025-07-26T14:05:09."}) {
    EXPECT_FALSE(parse_iso8601(text).has_value()) << text;
  }
}

TEST(CivilTimeTest, KnowsTheDayOfTheWeekAndTheYear) {
  EXPECT_EQ(reformat("2025-07-26", "%A %a %j %w %u %U %V"), "Saturday Sat 207 6 6 29 30");
  EXPECT_EQ(reformat("0001-01-01", "%A"), "Monday");
  EXPECT_EQ(reformat("2000-02-29", "%A %j"), "Tuesday 060");
  EXPECT_EQ(reformat("9999-12-31", "%A %j"), "Friday 365");
}

TEST(CivilTimeTest, BoundsTheFormat) {
  EXPECT_EQ(reformat("2025-07-06", "%-d %_d %03d %^a"), "6  6 006 SUN");
  const CivilTime time;
  EXPECT_FALSE(format_time(time, "%999d").has_value());
  EXPECT_FALSE(format_time(time, "%q").has_value());
  EXPECT_FALSE(format_time(time, "%").has_value());
  EXPECT_FALSE(format_time(time, std::string(2000, 'x')).has_value());
}

TEST(CivilTimeTest, TheWallClockIsValid) {
  const CivilTime now = local_time_now();
  EXPECT_GE(now.year, 2024);
  EXPECT_TRUE(format_time(now, "%c").has_value());
}

}  // namespace
}  // namespace linnet::templates
