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
#include "runtime/language/text_encoder.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

// Which parts of a file's text machinery a command uses.
struct TextParts {
  bool chat_template = true;
  bool forced_form = true;
};

// Borrows the model file, which must outlive it.
struct LanguageText {
  std::unique_ptr<const text::Tokenizer> tokenizer;  // The others borrow it: it stays in its place.
  std::optional<templates::ChatTemplate> chat_template;
  std::unique_ptr<ForcedForm> form;
  std::vector<text::TokenId> stop_tokens;

  // Errors, with the path: those of Tokenizer::load, ChatTemplate::parse, ForcedForm::load.
  [[nodiscard]] static Result<LanguageText> load(const ModelFile& file, TextParts parts);

  // The ids of the prompt that `messages` make; without a template, the contents as they are, one after another.
  [[nodiscard]] Result<std::vector<text::TokenId>> encode(TextEncoder& encoder,
                                                          const std::vector<Message>& messages) const;

  // What the form takes beside the tokenizer.
  [[nodiscard]] Bytes memory() const { return form ? form->memory() : Bytes{}; }
};

// What was generated and how.
struct Answer {
  std::string text;
  std::vector<text::TokenId> tokens;
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
  std::string_view message;           // The user's last words, which a forced form may copy from.
  engine::GenerationOptions options;  // generate() fills in stop tokens and constraint.
};

// Generates until the model, the options or a cancellation ends it; hands each whole piece of text to `on_text`, whose
// error ends it too. Errors: those of Generator, ForcedForm and `on_text`.
[[nodiscard]] Result<Answer> generate(engine::Engine& engine, const LanguageText& text, Question question,
                                      FunctionRef<Result<void>(std::string_view)> on_text);

}  // namespace linnet::language
