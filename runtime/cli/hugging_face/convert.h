// Writes a model folder of Hugging Face's form as a plain GGUF with float weights.
#pragma once

#include "models/gguf/sink.h"
#include "runtime/base/result.h"
#include "runtime/cli/hugging_face/model_folder.h"

namespace linnet::cli::hugging_face {

// Matrices keep their type (F32, F16, BF16), vectors become F32. Holds one tensor beside the header. Errors:
// kUnsupported (an architecture, a variant, a tensor or a type that is not converted), kMalformed, the sink's,
// kInterrupted.
[[nodiscard]] Result<void> convert(const ModelFolder& folder, gguf::Sink& sink, gguf::Progress progress);

}  // namespace linnet::cli::hugging_face
