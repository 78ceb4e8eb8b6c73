// What holds the tokens of one answer: a form, the budget of the reasoning before it; and what tells the two parts
// apart.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/base/function_ref.h"
#include "runtime/base/result.h"
#include "runtime/language/language_model.h"
#include "runtime/text/stream_decoder.h"

namespace linnet::language {

// Allocates in begin() alone. Borrows text and form.
class AnswerGuide {
 public:
  // `form` may be null; `message` is the user's last words, which it may copy from. Errors: those of ForcedForm::begin
  // and TextEncoder.
  [[nodiscard]] Result<void> begin(const LanguageText& text, ForcedForm* form, std::string_view message,
                                   const ReasoningPlan& plan);

  // For the generator; null where nothing is held.
  [[nodiscard]] engine::TokenConstraint* constraint() {
    return reasoning_ ? static_cast<engine::TokenConstraint*>(&*reasoning_) : form_;
  }

  // Whether the last token was the model's own choice, and of its answer: what confidence is about.
  [[nodiscard]] bool had_choice() const {
    return (!reasoning_ || reasoning_->for_answer()) && (form_ == nullptr || form_->had_choice());
  }

  // A form that cannot go on shows as a mask that allows nothing: the form knows why.
  [[nodiscard]] Result<void> check() const;

 private:
  ForcedForm* form_ = nullptr;
  std::optional<ReasoningGuide> reasoning_;
};

// Token ids to pieces of text, each of the part that it belongs to. Borrows text and decoder.
class AnswerPieces {
 public:
  using Deliver = text::ReasoningSplitter::Deliver;

  AnswerPieces(const LanguageText& text, text::StreamDecoder& decoder, const ReasoningPlan& plan)
      : text_(text), decoder_(decoder), splitter_(text.splitter(plan)) {}

  void push(text::TokenId token, Deliver deliver);
  // What waited: the answer has ended.
  void finish(Deliver deliver);

 private:
  const LanguageText& text_;
  text::StreamDecoder& decoder_;
  text::ReasoningSplitter splitter_;
};

}  // namespace linnet::language
