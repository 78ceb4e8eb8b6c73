// Messages to prompt: a chat template with the strings and names that it expects around it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/template.h"

namespace linnet::templates {

// How a model marks its reasoning in what it writes, as its own template spells it.
struct ReasoningMarkers {
  std::string open;   // "<think>"
  std::string close;  // "</think>"

  friend bool operator==(const ReasoningMarkers&, const ReasoningMarkers&) = default;
};

// The special tokens' text that templates ask for; absent ones are undefined in the template, as in the reference.
struct SpecialTokens {
  std::optional<std::string> bos;
  std::optional<std::string> eos;
};

// One prompt to render.
struct ChatRequest {
  Value messages;                                    // A list of dicts: role, content, tool_calls …
  Value tools = Value::none();                       // A list of JSON schemas, or none.
  bool add_generation_prompt = true;                 // End with the opening of the assistant's turn.
  std::optional<CivilTime> now;                      // For templates that write the date; without it, the wall clock.
  std::vector<std::pair<std::string, Value>> extra;  // Such as enable_thinking; overrides the names above.
};

class ChatTemplate {
 public:
  // Parses `text`. Errors: those of Template::parse.
  [[nodiscard]] static Result<ChatTemplate> parse(std::string_view text, SpecialTokens tokens,
                                                  const Limits& limits = {});

  // A template of ours by name, for models whose own is absent or refused. Errors: kUsage lists the names.
  [[nodiscard]] static Result<ChatTemplate> built_in(std::string_view name, SpecialTokens tokens);

  // The prompt. Errors: those of Template::render; kUsage if messages is not a list of dicts.
  [[nodiscard]] Result<std::string> render_chat(const ChatRequest& request) const;

  // The markers, where the template's text has a known pair.
  [[nodiscard]] const std::optional<ReasoningMarkers>& reasoning() const { return reasoning_; }

  // Whether the model's answer to `prompt` starts inside reasoning: the prompt ends with the opening marker.
  [[nodiscard]] bool opens_reasoning(std::string_view prompt) const;

 private:
  ChatTemplate(Template parsed, SpecialTokens tokens, std::optional<ReasoningMarkers> reasoning);

  Template template_;
  SpecialTokens tokens_;
  std::optional<ReasoningMarkers> reasoning_;
};

// The names that built_in takes, for messages: chatml, llama3, deepseek, mistral.
[[nodiscard]] const std::vector<std::string_view>& built_in_template_names();

// The pair of markers that a template's text mentions, if it is one of the known ones.
[[nodiscard]] std::optional<ReasoningMarkers> find_reasoning_markers(std::string_view template_text);

}  // namespace linnet::templates
