// Turns a float model into an INT8 or INT4 one, offline: each block's scale is searched for the least error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "runtime/base/result.h"

namespace linnet::quantize {

struct Options {
  gguf::TensorType type = gguf::TensorType::kQ4_0;  // Of the matrices: kQ8_0 or kQ4_0.
  unsigned threads = 1;
};

// The option of a name as the command line has it ("q8_0", "q4_0"). Errors: kUsage.
[[nodiscard]] Result<gguf::TensorType> parse_type(std::string_view name);

// What became of one tensor.
struct TensorReport {
  std::string name;
  const gguf::TensorTypeInfo* from = nullptr;
  const gguf::TensorTypeInfo* to = nullptr;
  std::uint64_t weights = 0;
  std::uint64_t bytes = 0;        // Written.
  double relative_rms_error = 0;  // sqrt(sum (before - after)^2 / sum before^2); 0 where nothing was lost.
  std::string note;               // Why it did not take the type asked for, or empty.
};

struct Report {
  std::vector<TensorReport> tensors;
  std::uint64_t file_bytes = 0;
};

// Writes `file` quantised: matrices in options.type, embeddings and output head in Q8_0, vectors and routers in F32,
// matrices whose rows are no multiple of 32 in F16 (with a note). Metadata is copied, general.file_type set. Works in
// bands of rows: about 30 MiB beside the header. The result does not depend on `threads`. Errors: kUsage (a type that
// is no target, a packed file), kUnsupported (a tensor that is quantised already), kMalformed (weights that are not
// finite or too large for the format), kInterrupted, the sink's.
[[nodiscard]] Result<Report> quantize(const gguf::Reader& file, gguf::Sink& sink, const Options& options,
                                      gguf::Progress progress);

}  // namespace linnet::quantize
