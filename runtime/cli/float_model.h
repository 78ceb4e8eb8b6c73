// A model with float weights opened for the quantiser: a GGUF as any command opens it, or a model folder, converted.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/open_model.h"

namespace linnet::cli {

// open_source_beside; a folder is taken for a model of Hugging Face's form and converted (`hugging_face/convert.h`)
// into a file beside `output` that has no name: it takes the model's size on disk until the result is closed.
[[nodiscard]] Result<ModelFile> open_float_model(const std::string& path, const std::string& output,
                                                 const Console& console);

}  // namespace linnet::cli
