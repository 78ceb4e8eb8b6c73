// The tensor types that GGUF files name: ids, names and block sizes, so that what we cannot run is refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace linnet::gguf {

// Ids as files store them. Source: the ggml_type enumeration of the GGUF specification.
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41,
  // Linnet's own, in a range that nobody counts up to. Files keep them inside packed matrices, where their names stand;
  // as numbers they are in plain files that `linnet unpack` makes of such, which no other program reads.
  kQ4_64 = 0x4C4E0040,
  kQ4_128 = 0x4C4E0080,
  kQ8_128 = 0x4C4E0880,
};

// One row of the table.
struct TensorTypeInfo {
  TensorType type;
  std::string_view name;        // As GGUF tools print it: "Q4_0".
  std::uint32_t block_weights;  // Weights of a row that are stored together; a row is a multiple of it. 0: removed.
  std::uint32_t block_bytes;    // Bytes of such a block.
};

// Every type that was ever given an id; the removed ones have block_weights 0.
[[nodiscard]] std::span<const TensorTypeInfo> tensor_types();

// The row of an id as it stands in a file, or null where no table knows it.
[[nodiscard]] const TensorTypeInfo* find_tensor_type(std::uint32_t id);

[[nodiscard]] const TensorTypeInfo& info(TensorType type);

// Bytes of `count` weights (a multiple of block_weights), or nothing where that does not fit 64 bits.
[[nodiscard]] std::optional<std::uint64_t> byte_size(const TensorTypeInfo& type, std::uint64_t count);

}  // namespace linnet::gguf
