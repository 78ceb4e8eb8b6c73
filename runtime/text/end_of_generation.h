// Which texts of tokens end a generation, for files that do not say it.
#pragma once

#include <string_view>

namespace linnet::text {

// GGUF names one or two end tokens, models use more (`<|eot_id|>` ends a turn, `<|end_of_text|>` a document), and some
// files mark them as normal text. The list is that of llama.cpp's `src/llama-vocab.cpp`, as a fact.
[[nodiscard]] bool looks_like_end_of_generation(std::string_view text);

}  // namespace linnet::text
