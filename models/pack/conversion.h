// Tensor types that no kernel reads: how packing turns their blocks into those of the nearest type that one does.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/formats/format.h"
#include "models/gguf/tensor_type.h"

namespace linnet::pack {

// One row of the table. A block of the type becomes whole blocks of `to`.
struct Conversion {
  gguf::TensorType from;
  kernels::Format to;
  bool keeps_weights;  // Whether every weight keeps its value; else a scale or the weights are rounded.
  // The block's weights, each in float32 as the `gguf` Python package computes it.
  void (*dequantize)(const std::byte* block, float* weights);
  void (*convert)(const std::byte* block, std::byte* converted);
};

[[nodiscard]] std::span<const Conversion> conversions();

// Null where the type is read as it is, or not at all.
[[nodiscard]] const Conversion* find_conversion(gguf::TensorType type);

// The tensor type that a format is in files.
[[nodiscard]] const gguf::TensorTypeInfo& tensor_type_of(kernels::Format format);

// `blocks` blocks in, the bytes that they become out.
void convert_blocks(const Conversion& conversion, const std::byte* in, std::size_t blocks, std::byte* out);
[[nodiscard]] std::size_t converted_bytes(const Conversion& conversion, std::size_t blocks);

}  // namespace linnet::pack
