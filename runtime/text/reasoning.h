// Tells what a model thinks from what it answers, while the text comes.
//
// A reasoning model writes its thoughts between two markers (`<think>` and `</think>`, as its template spells them) and
// then its answer. Some prompts end inside the thoughts already, so that only the closing marker comes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/function_ref.h"

namespace linnet::text {

enum class AnswerPart : std::uint8_t { kReasoning, kText };

// One answer at a time. White space beside the markers belongs to neither part. An opening marker counts only where
// nothing but white space came before it: an answer may speak about markers.
class ReasoningSplitter {
 public:
  using Deliver = FunctionRef<void(AnswerPart, std::string_view)>;

  // Without markers everything is text. `inside`: the prompt has opened the reasoning.
  ReasoningSplitter(std::string open, std::string close, bool inside);

  // Everything is text.
  ReasoningSplitter() : ReasoningSplitter({}, {}, false) {}

  // Hands on what `piece` settles, in order; what may be part of a marker, or white space before one, waits.
  void push(std::string_view piece, Deliver deliver);

  // Hands on what waited: the answer has ended.
  void finish(Deliver deliver);

  // Whether the thoughts have begun and not ended.
  [[nodiscard]] bool inside() const { return state_ == State::kReasoning; }

 private:
  enum class State : std::uint8_t {
    kStart,      // Nothing but white space so far: reasoning may begin.
    kReasoning,  // Until the closing marker.
    kAfter,      // White space after it.
    kText,
  };

  // One step over pending_; false where more must come first.
  bool settle(Deliver deliver);
  bool settle_start();
  bool settle_reasoning(Deliver deliver);

  std::string open_;
  std::string close_;
  State state_;
  std::string pending_;
  bool any_reasoning_ = false;  // White space before the first thought is dropped.
};

}  // namespace linnet::text
