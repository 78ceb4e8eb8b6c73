// Holds a model's reasoning to a budget, and the form of an answer to what comes after the reasoning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/engine/generator.h"
#include "runtime/text/reasoning.h"
#include "runtime/text/template/chat.h"
#include "runtime/text/tokenizer.h"

namespace linnet::language {

// What a prompt and a person say about the reasoning of one answer.
struct ReasoningPlan {
  bool split = true;    // False: markers are text, as all else.
  bool inside = false;  // The prompt has opened it.
  // Then the closing marker is forced; absent: as many as the model wants.
  std::optional<std::size_t> most_tokens = {};
};

// The text of `token` where it is one of the markers and a control token, which decoders leave out; else empty.
[[nodiscard]] std::string_view marker_text(const text::Tokenizer& tokenizer, const templates::ReasoningMarkers& markers,
                                           text::TokenId token);

// One answer. Borrows the tokenizer and the form. Allocates when it is made only.
class ReasoningGuide final : public engine::TokenConstraint {
 public:
  // `closing` are the ids that end the reasoning; `form`, which may be null, holds what comes after it.
  ReasoningGuide(const text::Tokenizer& tokenizer, const templates::ReasoningMarkers& markers,
                 std::vector<text::TokenId> closing, const ReasoningPlan& plan, engine::TokenConstraint* form);

  [[nodiscard]] engine::TokenMask allowed() override;
  void accept(engine::TokenId token) override;

  // Whether the last allowed() was asked for a token of the answer.
  [[nodiscard]] bool for_answer() const { return for_answer_; }

 private:
  enum class Phase : std::uint8_t { kStart, kReasoning, kClosing, kAnswer };

  [[nodiscard]] engine::TokenMask only(text::TokenId token);
  [[nodiscard]] engine::TokenMask form_or_opening();

  const text::Tokenizer& tokenizer_;
  text::ReasoningSplitter splitter_;
  std::vector<text::TokenId> closing_;
  std::optional<std::size_t> most_tokens_;
  engine::TokenConstraint* form_;
  text::TokenId opening_;  // kNoToken where the marker is no token of its own.
  Phase phase_;
  bool for_answer_ = false;
  std::size_t count_ = 0;            // Tokens of reasoning, then of closing_.
  std::vector<std::uint64_t> mask_;  // A bit a token.
};

}  // namespace linnet::language
