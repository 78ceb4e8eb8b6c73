#include "runtime/text/end_of_generation.h"

#include <algorithm>

namespace linnet::text {
namespace {

constexpr std::string_view kTexts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",  // DeepSeek's, with U+FF5C and U+2581.
};

}  // namespace

bool looks_like_end_of_generation(std::string_view text) { return std::ranges::find(kTexts, text) != std::end(kTexts); }

}  // namespace linnet::text
