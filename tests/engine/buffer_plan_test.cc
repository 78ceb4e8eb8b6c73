#include "runtime/engine/buffer_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace linnet::engine {
namespace {

using models::Buffer;
using models::BufferId;
using models::Program;
using models::RowsOf;
using models::SiluMultiply;

// A program whose step i reads the buffers a[i], b[i] and writes c[i]; only liveness matters here.
Program chain(std::vector<Buffer> buffers, const std::vector<std::array<unsigned, 3>>& steps) {
  Program program;
  program.buffers = std::move(buffers);
  for (const auto& [a, b, c] : steps) {
    program.steps.push_back({"step", SiluMultiply{BufferId{a}, BufferId{b}, BufferId{c}}});
  }
  program.logits = BufferId{static_cast<unsigned>(program.buffers.size() - 1)};
  return program;
}

TEST(BufferPlan, RowsStartAtCacheLines) {
  const auto plan =
      plan_buffers(chain({{"a", 17, RowsOf::kTokens}, {"logits", 16, RowsOf::kOutputs}}, {{0, 0, 1}}), 5, 2);
  EXPECT_EQ(plan.buffers[0].stride, 32u);
  EXPECT_EQ(plan.buffers[0].rows, 5u);
  EXPECT_EQ(plan.buffers[1].rows, 2u);
  EXPECT_EQ(plan.size, 5u * 32 + 2 * 16);
}

TEST(BufferPlan, BuffersThatNeverMeetShareMemory) {
  // 0 -> 1 -> 2 -> 3 -> logits: at most two live at a time.
  std::vector<Buffer> buffers(4, {"x", 64, RowsOf::kTokens});
  buffers.push_back({"logits", 64, RowsOf::kOutputs});
  const auto plan = plan_buffers(chain(buffers, {{0, 0, 1}, {1, 1, 2}, {2, 2, 3}, {3, 3, 4}}), 1, 1);
  EXPECT_EQ(plan.size, 3u * 64);
}

TEST(BufferPlan, InputsAndOutputOfOneStepAreApart) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 12; ++i)
      buffers.push_back({"x", 1 + random() % 100, i % 3 == 0 ? RowsOf::kOutputs : RowsOf::kTokens});
    std::vector<std::array<unsigned, 3>> steps;
    for (int i = 0; i < 20; ++i) {
      steps.push_back({static_cast<unsigned>(random() % 12), static_cast<unsigned>(random() % 12),
                       static_cast<unsigned>(random() % 12)});
    }
    const auto plan = plan_buffers(chain(buffers, steps), 7, 3);
    for (const PlannedBuffer& a : plan.buffers) {
      for (const PlannedBuffer& b : plan.buffers) {
        if (&a == &b || a.first_step > b.last_step || b.first_step > a.last_step) continue;
        EXPECT_TRUE(a.offset + a.size() <= b.offset || b.offset + b.size() <= a.offset);
      }
      if (a.first_step <= a.last_step) {
        EXPECT_LE(a.offset + a.size(), plan.size);
      }
    }
  }
}

TEST(BufferPlan, LogitsLieBehindAllOthers) {
  const auto plan =
      plan_buffers(chain({{"a", 16, RowsOf::kTokens}, {"b", 16, RowsOf::kTokens}, {"logits", 16, RowsOf::kOutputs}},
                         {{0, 0, 1}, {1, 1, 2}}),
                   4, 1);
  EXPECT_EQ(plan.buffers[2].offset, 2u * 4 * 16);
}

}  // namespace
}  // namespace linnet::engine
