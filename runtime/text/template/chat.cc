#include "runtime/text/template/chat.h"

#include <algorithm>
#include <array>

#include "runtime/text/template/built_in_templates.h"
#include "runtime/text/template/utf8.h"

namespace linnet::templates {

ChatTemplate::ChatTemplate(Template parsed, SpecialTokens tokens, std::optional<ReasoningMarkers> reasoning)
    : template_(std::move(parsed)), tokens_(std::move(tokens)), reasoning_(std::move(reasoning)) {}

Result<ChatTemplate> ChatTemplate::parse(std::string_view text, SpecialTokens tokens, const Limits& limits) {
  LINNET_TRY(Template parsed, Template::parse(text, limits));
  return ChatTemplate(std::move(parsed), std::move(tokens), find_reasoning_markers(text));
}

const std::vector<std::string_view>& built_in_template_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> found;
    found.reserve(std::size(kBuiltInTemplates));
    for (const BuiltInTemplate& built_in : kBuiltInTemplates) found.push_back(built_in.name);
    return found;
  }();
  return names;
}

Result<ChatTemplate> ChatTemplate::built_in(std::string_view name, SpecialTokens tokens) {
  std::string names;
  for (const BuiltInTemplate& built_in : kBuiltInTemplates) {
    if (built_in.name == name) return parse(built_in.text, std::move(tokens));
    names.append(names.empty() ? "" : ", ").append(built_in.name);
  }
  return fail(ErrorKind::kUsage, "no built-in template is called '" + std::string(name) + "': there are " + names);
}

namespace {

bool is_message_list(const Value& messages) {
  return messages.is_sequence() && std::all_of(messages.items().begin(), messages.items().end(),
                                               [](const Value& message) { return message.is(Kind::kDict); });
}

}  // namespace

Result<std::string> ChatTemplate::render_chat(const ChatRequest& request) const {
  if (!is_message_list(request.messages)) return fail(ErrorKind::kUsage, "messages must be a list of objects");
  Dict context;
  context.set("messages", request.messages);
  context.set("tools", request.tools);
  context.set("documents", Value::none());
  context.set("add_generation_prompt", Value::boolean(request.add_generation_prompt));
  if (tokens_.bos) context.set("bos_token", Value::string(*tokens_.bos));
  if (tokens_.eos) context.set("eos_token", Value::string(*tokens_.eos));
  for (const auto& [name, value] : request.extra) context.set(name, value);
  return template_.render(Value::dict(std::move(context)), {request.now});
}

bool ChatTemplate::opens_reasoning(std::string_view prompt) const {
  return reasoning_ && strip_right(prompt).ends_with(reasoning_->open);
}

std::optional<ReasoningMarkers> find_reasoning_markers(std::string_view template_text) {
  // The pairs of published reasoning models. Most templates cut the reasoning of earlier turns at the closing marker
  // and never write the opening one, so the closing one decides, unless other models have it too.
  struct Pair {
    std::string_view open;
    std::string_view close;
    bool close_is_shared = false;
  };
  constexpr std::array<Pair, 9> kPairs = {{
      {"<think>", "</think>"},
      {"<|START_THINKING|>", "<|END_THINKING|>"},
      {"<seed:think>", "</seed:think>"},
      {"[THINK]", "[/THINK]"},
      {"<thinking>", "</thinking>"},
      {"<thought>", "</thought>"},
      {"<reasoning>", "</reasoning>"},
      {"◁think▷", "◁/think▷"},
      {"<|channel|>analysis<|message|>", "<|end|>", true},
  }};
  const auto mentions = [template_text](std::string_view marker) {
    return template_text.find(marker) != std::string_view::npos;
  };
  for (const auto& [open, close, close_is_shared] : kPairs) {
    if (!mentions(close) || (close_is_shared && !mentions(open))) continue;
    return ReasoningMarkers{std::string(open), std::string(close)};
  }
  return std::nullopt;
}

}  // namespace linnet::templates
