#include "runtime/engine/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/model_files.h"

namespace linnet::engine::test {
namespace {

using testing::HasSubstr;

MemoryPlan small_plan() {
  MemoryPlan plan;
  plan.rows = {{"weights", MemoryKind::kMapped, Bytes{100 << 20}, ""},
               {"KV cache", MemoryKind::kAnonymous, Bytes{8 << 20}, "2 layers"},
               {"process", MemoryKind::kAnonymous, Bytes{2 << 20}, ""}};
  plan.touched_weights = Bytes{70 << 20};
  plan.page = Bytes{1 << 20};
  plan.context = 2048;
  plan.max_sequences = 1;
  plan.full_sequences = 1;
  return plan;
}

TEST(MemoryPlan, SumsByKind) {
  EXPECT_EQ(small_plan().total(MemoryKind::kAnonymous), Bytes{10 << 20});
  EXPECT_EQ(small_plan().total(MemoryKind::kMapped), Bytes{100 << 20});
  EXPECT_EQ(small_plan().budgeted(), Bytes{80 << 20});
}

TEST(MemoryPlan, IsATableForPeople) {
  EXPECT_EQ(to_text(small_plan()),
            "weights                 100 MiB\n"
            "KV cache               8.00 MiB  2 layers\n"
            "process                2.00 MiB\n"
            "anonymous              10.0 MiB  this process's own\n"
            "mapped                  100 MiB  file pages, shared and clean\n"
            "held against a budget  80.0 MiB  anonymous and the weights that tokens read\n");
}

TEST(CheckBudget, OffersTheLargestContext) {
  EXPECT_TRUE(check_budget(small_plan(), Bytes{80 << 20}));
  const auto refused = check_budget(small_plan(), Bytes{(77 << 20) + 5});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("needs 80.0 MiB and 77.0 MiB are available"));
  EXPECT_THAT(refused.error().message, HasSubstr("a context of 1280 would fit"));
  EXPECT_THAT(check_budget(small_plan(), Bytes{72 << 20}).error().message, HasSubstr("no context would fit"));
}

TEST(EnginePlan, CountsAnUntiedTableAsMappedButNotAsTouched) {
  const auto model = load_model("llama-f32");  // Untied: 150 x 64 floats of embedding.
  const auto reader = gguf::Reader::open(model->bytes());
  const auto plan = Engine::plan(*reader, {.threads = 1});
  ASSERT_TRUE(plan);
  std::uint64_t weights = 0;
  for (const auto& tensor : reader->tensors()) weights += tensor.data.size();
  EXPECT_EQ(plan->touched_weights.count, weights - 150 * 64 * 4 - 8 * 4);  // Nor are the 8 factors of the rotation.
  EXPECT_EQ(plan->total(MemoryKind::kMapped).count, model->bytes().size());
}

TEST(EnginePlan, TheCacheIsWhatTheShapeSays) {
  const auto model = load_model("llama-f32");
  const auto reader = gguf::Reader::open(model->bytes());
  const auto plan = Engine::plan(*reader, {.context = 512, .max_sequences = 3, .threads = 1});
  ASSERT_TRUE(plan);
  // 2 layers x (keys and values) x 2 heads x 16 numbers x 2 bytes.
  EXPECT_EQ(plan->page.count, 256u * 2 * 2 * 2 * 16 * 2);
  const auto cache =
      std::find_if(plan->rows.begin(), plan->rows.end(), [](const auto& r) { return r.name == "KV cache"; });
  ASSERT_NE(cache, plan->rows.end());
  const std::size_t ids = 3 * 512 * sizeof(TokenId);  // Of what each position holds.
  EXPECT_GE(cache->size.count, 3 * 2 * plan->page.count + ids);
  EXPECT_LE(cache->size.count, 3 * 2 * plan->page.count + ids + 1024);
  // Sequences beyond those that may fill their context bring no pages.
  const auto shared = Engine::plan(*reader, {.context = 512, .max_sequences = 3, .full_sequences = 1, .threads = 1});
  EXPECT_LE(shared->rows[1].size.count, 2 * plan->page.count + ids + 1024);
}

TEST(EnginePlan, WeightsPackedIntoMemoryAreAnonymous) {
  const auto model = load_model("llama-q4_0");
  const auto reader = gguf::Reader::open(model->bytes());
  const auto mapped = Engine::plan(*reader, {.threads = 1});
  const auto held = Engine::plan(*reader, {.threads = 1, .text_memory = Bytes{1 << 20}, .weights_in_memory = true});
  ASSERT_TRUE(mapped && held);
  EXPECT_EQ(held->total(MemoryKind::kMapped).count, 0u);
  EXPECT_EQ(held->total(MemoryKind::kAnonymous).count,
            mapped->total(MemoryKind::kAnonymous).count + model->bytes().size() + (1 << 20));
}

}  // namespace
}  // namespace linnet::engine::test
