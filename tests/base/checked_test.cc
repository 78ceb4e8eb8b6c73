#include "runtime/base/checked.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();

TEST(Checked, SumsAndProductsThatDoNotFitAreAbsent) {
  EXPECT_EQ(checked_add(2, 3), 5u);
  EXPECT_FALSE(checked_add(kMax, 1));
  EXPECT_EQ(checked_multiply(1u << 31, 2), std::uint64_t{1} << 32);
  EXPECT_FALSE(checked_multiply(kMax, 2));
}

TEST(Checked, AlignmentDoesNotWrap) {
  EXPECT_EQ(checked_align(33, 32), 64u);
  EXPECT_EQ(checked_align(64, 32), 64u);
  EXPECT_FALSE(checked_align(kMax - 3, 32));
}

TEST(Checked, NarrowingKeepsTheValueOrRefuses) {
  EXPECT_EQ(checked_narrow<std::int8_t>(127), std::int8_t{127});
  EXPECT_FALSE(checked_narrow<std::int8_t>(128));
  EXPECT_FALSE(checked_narrow<std::uint32_t>(-1));
}

TEST(Checked, RangesStayInside) {
  EXPECT_TRUE(fits_inside(0, 10, 10));
  EXPECT_FALSE(fits_inside(1, 10, 10));
  EXPECT_FALSE(fits_inside(kMax, 2, 10));
  EXPECT_FALSE(fits_inside(2, kMax, 10));
}

}  // namespace
}  // namespace linnet
