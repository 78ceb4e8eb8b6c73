// Turns a float model into an INT8 or INT4 one, offline: each block's scale is searched for the least error, and with
// calibration texts the error that counts is the one at each layer's output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf/reader.h"
#include "models/gguf/sink.h"
#include "models/quantize/calibration.h"
#include "runtime/base/result.h"

namespace linnet::quantize {

// What is done beside choosing scales; either needs calibration.
struct Method {
  bool scaling = false;   // Columns multiplied by factors that the layer before takes back (AWQ; scaling.h).
  bool feedback = false;  // Each column's error made good by the next ones (GPTQ; error_feedback.h).
};

struct Options {
  gguf::TensorType type = gguf::TensorType::kQ4_0;        // Of the matrices: one that parse_type() knows.
  gguf::TensorType embeddings = gguf::TensorType::kQ8_0;  // Of embeddings and output head; the same.
  unsigned threads = 1;
  Method method = {};
  Calibration* calibration = nullptr;                         // Borrowed; null: weights count alike.
  std::uint64_t calibration_memory = std::uint64_t{1} << 30;  // Bytes of Gram matrices held at a time.
  double pruned = 0;                                          // Share of each matrix row that becomes 0; below 1.
  std::optional<std::uint64_t> target_bytes = std::nullopt;   // Of the file: some matrices get more bits than `type`.
};

// The option of a name as the command line has it ("q8_0", "q4_0", …). Errors: kUsage.
[[nodiscard]] Result<gguf::TensorType> parse_type(std::string_view name);

// Whether one of the types is none that GGUF has: such go into packed files alone (models/pack).
[[nodiscard]] bool needs_packing(const Options& options);

// "rtn" (round to nearest), "gptq", "awq", "awq+gptq". Errors: kUsage.
[[nodiscard]] Result<Method> parse_method(std::string_view name);

// What became of one tensor.
struct TensorReport {
  std::string name;
  const gguf::TensorTypeInfo* from = nullptr;
  const gguf::TensorTypeInfo* to = nullptr;
  std::uint64_t weights = 0;
  std::uint64_t bytes = 0;                      // Written.
  double relative_rms_error = 0;                // sqrt(sum (before - after)^2 / sum before^2), factors applied.
  std::optional<double> relative_output_error;  // The same of the layer's output over the calibration texts.
  std::string note;                             // Why it did not take the type asked for, or empty.
};

struct Report {
  std::vector<TensorReport> tensors;
  std::uint64_t file_bytes = 0;
};

// Writes `file` quantised: matrices in options.type, embeddings and output head in options.embeddings, vectors and
// routers in F32, matrices whose rows are no multiple of 32 in F16 (with a note). Metadata is copied, general.file_type
// set.
//
// Memory, beside the header: without calibration about 30 MiB. With it: Gram matrices up to calibration_memory (the
// texts run once more for each further group of matrices), and for the widest input of n numbers 8 n^2 bytes of them
// alone where that is more, 12 n^2 while a factor is made, plus 64 rows a thread.
//
// The result does not depend on `threads`; a calibrated one depends on the OpenBLAS kernels of the processor. Errors:
// kUsage (a type that is no target, a packed file, a method without calibration, shares outside [0, 1)), kExhausted
// (target_bytes too small), kUnsupported (a tensor that is quantised already), kMalformed (weights that are not finite
// or too large for the format), kInterrupted, the calibration's, the sink's.
[[nodiscard]] Result<Report> quantize(const gguf::Reader& file, gguf::Sink& sink, const Options& options,
                                      gguf::Progress progress);

}  // namespace linnet::quantize
