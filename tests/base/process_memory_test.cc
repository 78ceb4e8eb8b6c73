#include "runtime/base/process_memory.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

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
}  // namespace linnet
