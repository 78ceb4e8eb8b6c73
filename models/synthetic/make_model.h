// Writes a model of real shapes with seeded random weights: speed and memory do not depend on the values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "models/gguf/sink.h"
#include "models/gguf/tensor_type.h"
#include "models/synthetic/shape.h"
#include "runtime/base/result.h"

namespace linnet::synthetic {

struct Options {
  std::string_view like;                            // A name of shapes().
  gguf::TensorType type = gguf::TensorType::kQ4_0;  // Of the matrices: F32, F16, Q8_0, Q4_0 or Q4_1.
  std::uint64_t seed = 0;
};

// The option of a name as the command line has it ("f32", "f16", "q8_0", "q4_0", "q4_1"). Errors: kUsage.
[[nodiscard]] Result<gguf::TensorType> parse_type(std::string_view name);

struct Summary {
  std::size_t tensors = 0;
  std::uint64_t parameters = 0;
  std::uint64_t file_bytes = 0;
};

// Writes the model: metadata and tensor names as GGUF readers know them, vectors in F32, and, where the matrices are
// quantised, embeddings and output head in Q8_0, as linnet::quantize does. The same options give the same bytes on
// every machine. Errors: kUsage (no such model or type), kInterrupted, the sink's.
[[nodiscard]] Result<Summary> make_model(const Options& options, gguf::Sink& sink, gguf::Progress progress);

// The same for a shape of one's own: widths are multiples of 32, the vocabulary holds its family's special tokens.
[[nodiscard]] Result<Summary> make_model(const Shape& shape, gguf::TensorType type, std::uint64_t seed,
                                         gguf::Sink& sink, gguf::Progress progress);

}  // namespace linnet::synthetic
