#include "runtime/language/chat_prompt.h"

namespace linnet::language {

using templates::ChatTemplate;
using templates::Value;

namespace {

std::optional<std::string> name_of(const text::Tokenizer& tokenizer, text::TokenId token) {
  if (token == text::kNoToken) return std::nullopt;
  return std::string(tokenizer.name(token));
}

}  // namespace

templates::SpecialTokens special_token_texts(const text::Tokenizer& tokenizer) {
  return {name_of(tokenizer, tokenizer.special().bos), name_of(tokenizer, tokenizer.special().eos)};
}

Result<std::optional<ChatTemplate>> load_chat_template(const gguf::Reader& file, const text::Tokenizer& tokenizer,
                                                       std::string_view built_in) {
  if (!built_in.empty()) {
    LINNET_TRY(ChatTemplate named, ChatTemplate::built_in(built_in, special_token_texts(tokenizer)));
    return std::optional<ChatTemplate>(std::move(named));
  }
  LINNET_TRY(const std::string_view source, file.string_or("tokenizer.chat_template", ""));
  if (source.empty()) return std::optional<ChatTemplate>();
  auto parsed = ChatTemplate::parse(source, special_token_texts(tokenizer));
  if (!parsed) return tl::unexpected(with_context("chat template", parsed.error()));
  return std::optional<ChatTemplate>(std::move(*parsed));
}

Result<std::string> render_chat(const ChatTemplate& chat_template, const std::vector<Message>& messages,
                                Thinking thinking) {
  std::vector<Value> turns;
  for (const Message& message : messages) {
    templates::Dict turn;
    turn.set("role", Value::string(message.role));
    turn.set("content", Value::string(message.content));
    if (!message.reasoning.empty()) turn.set("reasoning_content", Value::string(message.reasoning));
    turns.push_back(Value::dict(std::move(turn)));
  }
  templates::ChatRequest request;
  request.messages = Value::list(std::move(turns));
  if (thinking == Thinking::kOff) {
    // The names that published templates ask: Qwen3 and SmolLM3, then DeepSeek-V3.1.
    for (const char* name : {"enable_thinking", "thinking"}) request.extra.emplace_back(name, Value::boolean(false));
  }
  auto prompt = chat_template.render_chat(request);
  if (!prompt) return tl::unexpected(with_context("chat template", prompt.error()));
  return prompt;
}

}  // namespace linnet::language
