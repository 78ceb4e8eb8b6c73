#include "runtime/language/answer_guide.h"

#include <utility>
#include <vector>

namespace linnet::language {

Result<void> AnswerGuide::begin(const LanguageText& text, ForcedForm* form, std::string_view message,
                                const ReasoningPlan& plan) {
  form_ = form;
  if (form_ != nullptr) LINNET_CHECK(form_->begin(message));
  const templates::ReasoningMarkers* markers = text.reasoning();
  if (markers == nullptr || (form_ == nullptr && !plan.most_tokens)) return {};
  TextEncoder encoder(*text.tokenizer);
  LINNET_TRY(const auto closing,
             encoder.encode("\n" + markers->close + "\n\n", {.add_special = false, .parse_special = true}));
  reasoning_.emplace(*text.tokenizer, *markers, std::vector(closing.begin(), closing.end()), plan, form_);
  return {};
}

Result<void> AnswerGuide::check() const {
  if (form_ != nullptr && form_->failure()) return tl::unexpected(*form_->failure());
  return {};
}

void AnswerPieces::push(text::TokenId token, Deliver deliver) {
  std::string_view piece = decoder_.push(token);
  if (const auto* markers = text_.reasoning(); markers != nullptr && piece.empty()) {
    piece = marker_text(*text_.tokenizer, *markers, token);
  }
  splitter_.push(piece, deliver);
}

void AnswerPieces::finish(Deliver deliver) {
  splitter_.push(decoder_.finish(), deliver);
  splitter_.finish(deliver);
}

}  // namespace linnet::language
