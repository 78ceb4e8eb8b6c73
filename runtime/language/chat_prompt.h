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

// A turn.
struct Message {
  Message(std::string whose, std::string what, std::string thoughts = {})
      : role(std::move(whose)), content(std::move(what)), reasoning(std::move(thoughts)) {}

  std::string role;  // "system", "user", "assistant".
  std::string content;
  std::string reasoning;  // What led to an assistant's content: the template says whether later turns see it.
};

// The template in `file` (key tokenizer.chat_template) with the names of the vocabulary's special tokens, or the
// built-in one called `built_in`; nothing where the file has none and no other is named. Errors: those of
// ChatTemplate::parse and ChatTemplate::built_in.
[[nodiscard]] Result<std::optional<templates::ChatTemplate>> load_chat_template(const gguf::Reader& file,
                                                                                const text::Tokenizer& tokenizer,
                                                                                std::string_view built_in = {});

// The special tokens' texts that templates ask for.
[[nodiscard]] templates::SpecialTokens special_token_texts(const text::Tokenizer& tokenizer);

// Whether a reasoning model is asked to think; templates that know no such wish do not see it.
enum class Thinking : unsigned char { kAsTheModelDoes, kOff };

// The prompt that ends where the assistant's answer begins.
[[nodiscard]] Result<std::string> render_chat(const templates::ChatTemplate& chat_template,
                                              const std::vector<Message>& messages,
                                              Thinking thinking = Thinking::kAsTheModelDoes);

}  // namespace linnet::language
