#include "runtime/cli/answer_output.h"

namespace linnet::cli {
namespace {

// Thoughts are told from the answer on a terminal, where both come out: SGR 2 is faint, 0 ends it.
constexpr std::string_view kFaint = "\x1B[2m";
constexpr std::string_view kPlain = "\x1B[0m";

}  // namespace

Thinking thinking_of(const ReasoningOptions& options) {
  return options.reasoning == Reasoning::kOff ? Thinking::kOff : Thinking::kAsTheModelDoes;
}

language::ReasoningPlan reasoning_plan(const ReasoningOptions& options, const Prompt& prompt) {
  const auto most = options.reasoning == Reasoning::kOff ? std::optional<std::size_t>(0) : options.most_tokens;
  return {.inside = prompt.opens_reasoning, .most_tokens = most};
}

Result<void> AnswerOutput::push(text::AnswerPart part, std::string_view piece) {
  if (part == text::AnswerPart::kText) {
    finish();
    return console_.print(piece);
  }
  if (reasoning_ != Reasoning::kShow) return {};
  if (!in_reasoning_ && console_.error_is_terminal()) console_.draw(kFaint);
  in_reasoning_ = true;
  console_.draw(piece);
  return {};
}

void AnswerOutput::finish() {
  if (!in_reasoning_) return;
  in_reasoning_ = false;
  if (console_.error_is_terminal()) console_.draw(kPlain);
  console_.draw("\n\n");
}

}  // namespace linnet::cli
