// Finds the pre-tokenizer that cuts text as a tokenizer.json says.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/cli/hugging_face/json_object.h"

namespace linnet::cli::hugging_face {

// The name for tokenizer.ggml.pre: the first row of the table with the same expressions, normalisation and treatment of
// whole words. Errors: kUnsupported (there is none; what it does is in the message), kMalformed.
[[nodiscard]] Result<std::string_view> find_text_cutting(const JsonObject& tokenizer);

}  // namespace linnet::cli::hugging_face
