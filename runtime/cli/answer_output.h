// Where the two parts of an answer go, and what the options about reasoning ask of a generation.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/cli/console.h"
#include "runtime/cli/open_model.h"
#include "runtime/cli/options.h"

namespace linnet::cli {

// The wish that a template sees.
[[nodiscard]] Thinking thinking_of(const ReasoningOptions& options);

// For an answer to `prompt`. Off is a budget of nothing: a model that thinks all the same is cut short.
[[nodiscard]] language::ReasoningPlan reasoning_plan(const ReasoningOptions& options, const Prompt& prompt);

// One answer as it comes: text to standard output, reasoning, where it is shown, to standard error.
class AnswerOutput {
 public:
  AnswerOutput(Console& console, Reasoning reasoning) : console_(console), reasoning_(reasoning) {}

  // Errors: those of Console::print.
  [[nodiscard]] Result<void> push(text::AnswerPart part, std::string_view piece);

  // Ends the line of a reasoning that no text came after.
  void finish();

 private:
  Console& console_;
  Reasoning reasoning_;
  bool in_reasoning_ = false;
};

}  // namespace linnet::cli
