#include "models/gguf/tensor_type.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace linnet::gguf {
namespace {

TEST(TensorType, TableIsSortedAndEveryIdIsFound) {
  EXPECT_TRUE(std::ranges::is_sorted(tensor_types(), {}, &TensorTypeInfo::type));
  for (const auto& row : tensor_types()) {
    EXPECT_EQ(find_tensor_type(static_cast<std::uint32_t>(row.type)), &row);
    EXPECT_EQ(row.block_weights == 0, row.block_bytes == 0);
  }
  EXPECT_EQ(find_tensor_type(42), nullptr);
  EXPECT_EQ(find_tensor_type(~0U), nullptr);
}

TEST(TensorType, SizesAreChecked) {
  EXPECT_EQ(byte_size(info(TensorType::kQ6_K), 512), 420U);
  EXPECT_EQ(byte_size(info(TensorType::kF64), ~std::uint64_t{0}), std::nullopt);
}

}  // namespace
}  // namespace linnet::gguf
