// The small parts that reports are made of: progress text, the .npy header.
#include <gtest/gtest.h>

#include "runtime/cli/npy.h"
#include "runtime/cli/progress.h"

namespace linnet::cli {
namespace {

TEST(ProgressText, ShowsShareRateAndTimeLeft) {
  constexpr auto kBytes = ProgressUnit::kBytes;
  const std::uint64_t total = 100 << 20;
  EXPECT_EQ(progress_text("packing", kBytes, 50 << 20, total, 2.0),
            "packing [============            ] 50 %  25.0 MiB/s  2 s left");
  EXPECT_EQ(progress_text("packing", kBytes, 0, total, 9.0), "packing [                        ] 0 %");
  EXPECT_EQ(progress_text("packing", kBytes, 1 << 20, total, 60.0),
            "packing [                        ] 1 %  17.1 KiB/s  99 min left");
}

TEST(ProgressText, CountsItemsWithoutUnits) {
  EXPECT_EQ(progress_text("answering", ProgressUnit::kItems, 30, 120, 3.0),
            "answering [======                  ] 25 %  10/s  9 s left");
}

TEST(ProgressText, SurvivesNothingAndTooMuch) {
  EXPECT_NE(progress_text("x", ProgressUnit::kItems, 0, 0, 1.0).find("100 %"), std::string::npos);
  EXPECT_NE(progress_text("x", ProgressUnit::kItems, 7, 5, 1.0).find("100 %"), std::string::npos);
}

TEST(NpyHeader, IsVersionOneAndAligned) {
  const std::string header = npy_header(3, 151936);
  EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(header.size() % 64, 0U);
  const auto length = static_cast<unsigned char>(header[8]) + 256U * static_cast<unsigned char>(header[9]);
  EXPECT_EQ(length, header.size() - 10);
  EXPECT_NE(header.find("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 151936), }"), std::string::npos);
  EXPECT_EQ(header.back(), '\n');
}

}  // namespace
}  // namespace linnet::cli
