// Messages to the prompt text that a model file's own chat template makes of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/gguf/reader.h"
#include "runtime/base/result.h"
#include "runtime/text/template/chat.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

// A turn: role ("system", "user", "assistant") and content.
using Message = std::pair<std::string, std::string>;

// The template in `file` (key tokenizer.chat_template) with the names of the vocabulary's special tokens; nothing where
// the file has none. Errors: those of ChatTemplate::parse.
[[nodiscard]] Result<std::optional<templates::ChatTemplate>> load_chat_template(const gguf::Reader& file,
                                                                                const text::Tokenizer& tokenizer);

// The special tokens' texts that templates ask for.
[[nodiscard]] templates::SpecialTokens special_token_texts(const text::Tokenizer& tokenizer);

// The prompt that ends where the assistant's answer begins.
[[nodiscard]] Result<std::string> render_chat(const templates::ChatTemplate& chat_template,
                                              const std::vector<Message>& messages);

}  // namespace linnet::language
