#include "models/gguf/tensor_type.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "runtime/base/checked.h"

namespace linnet::gguf {
namespace {

constexpr TensorType removed(std::uint32_t id) { return static_cast<TensorType>(id); }

// Ascending ids. Block sizes: ggml's block structures, as the `gguf` Python package lists them.
constexpr TensorTypeInfo kTypes[] = {
    {TensorType::kF32, "F32", 1, 4},
    {TensorType::kF16, "F16", 1, 2},
    {TensorType::kQ4_0, "Q4_0", 32, 18},
    {TensorType::kQ4_1, "Q4_1", 32, 20},
    {removed(4), "Q4_2", 0, 0},
    {removed(5), "Q4_3", 0, 0},
    {TensorType::kQ5_0, "Q5_0", 32, 22},
    {TensorType::kQ5_1, "Q5_1", 32, 24},
    {TensorType::kQ8_0, "Q8_0", 32, 34},
    {TensorType::kQ8_1, "Q8_1", 32, 40},
    {TensorType::kQ2_K, "Q2_K", 256, 84},
    {TensorType::kQ3_K, "Q3_K", 256, 110},
    {TensorType::kQ4_K, "Q4_K", 256, 144},
    {TensorType::kQ5_K, "Q5_K", 256, 176},
    {TensorType::kQ6_K, "Q6_K", 256, 210},
    {TensorType::kQ8_K, "Q8_K", 256, 292},
    {TensorType::kIQ2_XXS, "IQ2_XXS", 256, 66},
    {TensorType::kIQ2_XS, "IQ2_XS", 256, 74},
    {TensorType::kIQ3_XXS, "IQ3_XXS", 256, 98},
    {TensorType::kIQ1_S, "IQ1_S", 256, 50},
    {TensorType::kIQ4_NL, "IQ4_NL", 32, 18},
    {TensorType::kIQ3_S, "IQ3_S", 256, 110},
    {TensorType::kIQ2_S, "IQ2_S", 256, 82},
    {TensorType::kIQ4_XS, "IQ4_XS", 256, 136},
    {TensorType::kI8, "I8", 1, 1},
    {TensorType::kI16, "I16", 1, 2},
    {TensorType::kI32, "I32", 1, 4},
    {TensorType::kI64, "I64", 1, 8},
    {TensorType::kF64, "F64", 1, 8},
    {TensorType::kIQ1_M, "IQ1_M", 256, 56},
    {TensorType::kBF16, "BF16", 1, 2},
    {removed(31), "Q4_0_4_4", 0, 0},
    {removed(32), "Q4_0_4_8", 0, 0},
    {removed(33), "Q4_0_8_8", 0, 0},
    {TensorType::kTQ1_0, "TQ1_0", 256, 54},
    {TensorType::kTQ2_0, "TQ2_0", 256, 66},
    {removed(36), "IQ4_NL_4_4", 0, 0},
    {removed(37), "IQ4_NL_4_8", 0, 0},
    {removed(38), "IQ4_NL_8_8", 0, 0},
    {TensorType::kMXFP4, "MXFP4", 32, 17},
    {TensorType::kNVFP4, "NVFP4", 64, 36},
    {TensorType::kQ1_0, "Q1_0", 128, 18},
    {TensorType::kQ4_64, "Q4_64", 64, 34},
    {TensorType::kQ4_128, "Q4_128", 128, 66},
    {TensorType::kQ8_128, "Q8_128", 128, 130},
};

}  // namespace

std::span<const TensorTypeInfo> tensor_types() { return kTypes; }

const TensorTypeInfo* find_tensor_type(std::uint32_t id) {
  const auto* row = std::ranges::lower_bound(
      kTypes, id, {}, [](const TensorTypeInfo& type) { return static_cast<std::uint32_t>(type.type); });
  return row != std::end(kTypes) && static_cast<std::uint32_t>(row->type) == id ? row : nullptr;
}

const TensorTypeInfo& info(TensorType type) {
  const TensorTypeInfo* row = find_tensor_type(static_cast<std::uint32_t>(type));
  assert(row != nullptr);
  return *row;
}

std::optional<std::uint64_t> byte_size(const TensorTypeInfo& type, std::uint64_t count) {
  assert(type.block_weights != 0 && count % type.block_weights == 0);
  return checked_multiply(count / type.block_weights, type.block_bytes);
}

}  // namespace linnet::gguf
