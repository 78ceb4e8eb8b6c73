#include "models/quantize/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace linnet::quantize {
namespace {

TEST(ForEachParallel, DoesEveryPieceOnce) {
  for (const unsigned threads : {0U, 1U, 3U, 16U}) {
    for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<int> done(count);
      for_each_parallel(count, threads, [&](std::size_t i) { ++done[i]; });
      EXPECT_EQ(std::ranges::count(done, 1), static_cast<std::ptrdiff_t>(count));
    }
  }
}

}  // namespace
}  // namespace linnet::quantize
