// What tokenizer.json and its companions say of a vocabulary, as the keys of a GGUF.
#pragma once

#include "models/gguf/writer.h"
#include "runtime/base/result.h"
#include "runtime/cli/hugging_face/model_folder.h"

namespace linnet::cli::hugging_face {

// Sets the keys tokenizer.ggml.* and tokenizer.chat_template for a byte-level BPE of `vocabulary` entries; none where
// the folder has no tokenizer.json. Errors: kUnsupported (another kind of tokenizer, or text cut in a way that no
// pre-tokenizer here cuts it), kMalformed.
[[nodiscard]] Result<void> write_tokenizer(const ModelFolder& folder, std::uint32_t vocabulary, gguf::Writer& writer);

}  // namespace linnet::cli::hugging_face
