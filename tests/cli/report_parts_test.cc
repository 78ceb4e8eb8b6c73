// The small parts that reports are made of: progress text, the .npy header, the kernel's memory figures.
#include <gtest/gtest.h>

#include "runtime/cli/npy.h"
#include "runtime/cli/process_memory.h"
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

TEST(ProcessMemory, SplitsResidentPages) {
  const auto memory = parse_smaps_rollup(
      "\n55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:    3000 kB\nPss:   2000 kB\nPss_Anon:  7 kB\n"
      "Anonymous:   1000 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->anonymous.count, 1000U * 1024);
  EXPECT_EQ(memory->mapped.count, 2000U * 1024);
}

TEST(ProcessMemory, RefusesTextWithoutFigures) {
  EXPECT_FALSE(parse_smaps_rollup(""));
  EXPECT_FALSE(parse_smaps_rollup("\nRss:\nAnonymous: 1 kB\n"));
  EXPECT_FALSE(parse_smaps_rollup("\nRss: 1 kB\nAnonymous: 2 kB\n"));
}

TEST(ProcessMemory, CountsThisProcess) {
  const auto before = measure_process_memory();
  ASSERT_TRUE(before);
  const std::string touched(32 << 20, 'x');
  const auto after = measure_process_memory();
  ASSERT_TRUE(after);
  EXPECT_GE(after->anonymous.count, before->anonymous.count + (31U << 20)) << touched.size();
}

}  // namespace
}  // namespace linnet::cli
