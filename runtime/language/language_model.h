// Text in, text out: a model file with its tokenizer and chat template, and one answer of it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/engine/generator.h"
#include "runtime/language/chat_prompt.h"
#include "runtime/language/forced_form.h"
#include "runtime/language/model_file.h"
#include "runtime/language/reasoning_guide.h"
#include "runtime/language/text_encoder.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

// Which parts of a file's text machinery a command uses.
struct TextParts {
  bool chat_template = true;
  std::string built_in_template = {};  // The name of one of ours in place of the file's; empty: the file's.
  bool forced_form = true;
};

// What a model is given to go on from.
struct Prompt {
  std::vector<text::TokenId> ids;
  bool opens_reasoning = false;  // The answer begins inside the reasoning.
};

// Borrows the model file, which must outlive it.
struct LanguageText {
  std::unique_ptr<const text::Tokenizer> tokenizer;  // The others borrow it: it stays in its place.
  std::optional<templates::ChatTemplate> chat_template;
  std::unique_ptr<ForcedForm> form;
  std::vector<text::TokenId> stop_tokens;

  // Errors, with the path: those of Tokenizer::load, ChatTemplate::parse, ForcedForm::load.
  [[nodiscard]] static Result<LanguageText> load(const ModelFile& file, const TextParts& parts);

  // The prompt that `messages` make; without a template, the contents as they are, one after another.
  [[nodiscard]] Result<Prompt> prompt(TextEncoder& encoder, const std::vector<Message>& messages,
                                      Thinking thinking = Thinking::kAsTheModelDoes) const;

  // Its ids alone.
  [[nodiscard]] Result<std::vector<text::TokenId>> encode(TextEncoder& encoder,
                                                          const std::vector<Message>& messages) const;

  // How the model marks its reasoning; null where it does none.
  [[nodiscard]] const templates::ReasoningMarkers* reasoning() const {
    return chat_template && chat_template->reasoning() ? &*chat_template->reasoning() : nullptr;
  }

  // For the stream of one answer.
  [[nodiscard]] text::ReasoningSplitter splitter(const ReasoningPlan& plan) const;

  // Of this process alone: a form for each of so many answers, and the tokenizer's tables where they are not mapped.
  [[nodiscard]] Bytes memory(std::size_t answers_at_once = 1) const {
    return {(form ? form->memory().count * answers_at_once : 0) + tokenizer->memory_bytes()};
  }
};

// What was generated and how.
struct Answer {
  std::string text;
  std::string reasoning;              // What came before it between the template's markers.
  std::vector<text::TokenId> tokens;  // All of them, markers included.
  engine::FinishReason finish = engine::FinishReason::kNone;
  engine::GenerationTimings timings;
  double confidence = 0;  // Geometric mean probability, among the tokens allowed, of those that no form forced; 1 where
                          // it forced all. Needs SamplerOptions::want_probability.

  [[nodiscard]] double prefill_tokens_per_second() const;
  [[nodiscard]] double decode_tokens_per_second() const;  // Of the tokens after the first; 0 where there is none.
};

// What is asked of a model. Borrows all of it.
struct Question {
  std::span<const text::TokenId> prompt;
  std::string_view message;  // The user's last words, which a forced form may copy from.
  ReasoningPlan reasoning;
  engine::GenerationOptions options;  // generate() fills in stop tokens and constraint.
};

// Generates until the model, the options or a cancellation ends it; hands each whole piece of text to `on_text`, whose
// error ends it too. Errors: those of Generator, ForcedForm and `on_text`.
[[nodiscard]] Result<Answer> generate(engine::Engine& engine, const LanguageText& text, Question question,
                                      FunctionRef<Result<void>(text::AnswerPart, std::string_view)> on_text);

}  // namespace linnet::language
