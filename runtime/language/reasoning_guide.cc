#include "runtime/language/reasoning_guide.h"

#include <algorithm>
#include <utility>

namespace linnet::language {

std::string_view marker_text(const text::Tokenizer& tokenizer, const templates::ReasoningMarkers& markers,
                             text::TokenId token) {
  if (!tokenizer.contains(token) || tokenizer.type(token) != text::TokenType::kControl) return {};
  const std::string_view name = tokenizer.name(token);
  return name == markers.open || name == markers.close ? name : std::string_view();
}

ReasoningGuide::ReasoningGuide(const text::Tokenizer& tokenizer, const templates::ReasoningMarkers& markers,
                               std::vector<text::TokenId> closing, const ReasoningPlan& plan,
                               engine::TokenConstraint* form)
    : tokenizer_(tokenizer),
      splitter_(markers.open, markers.close, plan.inside),
      closing_(std::move(closing)),
      most_tokens_(plan.most_tokens),
      form_(form),
      opening_(tokenizer.find_special(markers.open)),
      phase_(plan.inside ? Phase::kReasoning : Phase::kStart),
      mask_((tokenizer.token_count() + 63) / 64) {}

engine::TokenMask ReasoningGuide::allowed() {
  if (phase_ == Phase::kReasoning && most_tokens_ && count_ >= *most_tokens_) {
    phase_ = Phase::kClosing;
    count_ = 0;
  }
  for_answer_ = phase_ == Phase::kStart || phase_ == Phase::kAnswer;
  switch (phase_) {
    case Phase::kStart: return form_or_opening();
    case Phase::kReasoning: return {};  // Every token.
    case Phase::kClosing: return only(closing_[count_]);
    case Phase::kAnswer: break;
  }
  return form_ != nullptr ? form_->allowed() : engine::TokenMask{};
}

void ReasoningGuide::accept(engine::TokenId token) {
  const bool inside = splitter_.inside();
  splitter_.push(tokenizer_.name(token), [](text::AnswerPart, std::string_view) {});
  switch (phase_) {
    case Phase::kStart:
      if (splitter_.inside()) {
        phase_ = Phase::kReasoning;
      } else if (form_ != nullptr) {
        form_->accept(token);
        phase_ = Phase::kAnswer;
      }
      return;
    case Phase::kReasoning: break;
    case Phase::kClosing:
      if (++count_ == closing_.size()) phase_ = Phase::kAnswer;
      return;
    case Phase::kAnswer:
      if (form_ != nullptr) form_->accept(token);
      return;
  }
  ++count_;
  if (inside && !splitter_.inside()) phase_ = Phase::kAnswer;
}

engine::TokenMask ReasoningGuide::only(text::TokenId token) {
  std::ranges::fill(mask_, 0);
  mask_[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
  return mask_;
}

// A form begins at once, unless the model thinks first.
engine::TokenMask ReasoningGuide::form_or_opening() {
  if (form_ == nullptr) return {};
  const engine::TokenMask allowed = form_->allowed();
  if (opening_ == text::kNoToken || allowed.size() != mask_.size()) return allowed;
  std::ranges::copy(allowed, mask_.begin());
  mask_[static_cast<std::size_t>(opening_) / 64] |= std::uint64_t{1} << (opening_ % 64);
  return mask_;
}

}  // namespace linnet::language
