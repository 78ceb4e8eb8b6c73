// Which type a tensor of a float model takes when the model is quantised. Private to models/quantize.
#pragma once

#include <string>

#include "models/gguf/reader.h"
#include "runtime/base/result.h"

namespace linnet::quantize {

struct Target {
  gguf::TensorType type = gguf::TensorType::kF32;
  std::string note;        // Why it is not the type asked for, where someone may wonder.
  bool is_matrix = false;  // It has the type that was asked for the matrices.
};

// Errors: kUnsupported (the tensor is quantised already).
[[nodiscard]] Result<Target> target_of(const gguf::Tensor& tensor, gguf::TensorType matrices,
                                       gguf::TensorType embeddings);

}  // namespace linnet::quantize
