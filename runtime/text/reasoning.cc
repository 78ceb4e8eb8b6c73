#include "runtime/text/reasoning.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace linnet::text {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::size_t kPlannedBytes =
    1024;  // More than any token or run of spaces that waits: push() allocates nothing.

std::size_t leading_spaces(std::string_view text) { return std::min(text.find_first_not_of(kSpaces), text.size()); }

std::string_view without_trailing_spaces(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

// Bytes at the end of `text` with which `marker` may begin.
std::size_t begun(std::string_view text, std::string_view marker) {
  std::size_t size = std::min(text.size(), marker.size() - 1);
  while (!marker.starts_with(text.substr(text.size() - size))) --size;
  return size;
}

}  // namespace

ReasoningSplitter::ReasoningSplitter(std::string open, std::string close, bool inside)
    : open_(std::move(open)),
      close_(std::move(close)),
      state_(close_.empty() ? State::kText
             : inside       ? State::kReasoning
                            : State::kStart) {
  pending_.reserve(kPlannedBytes);
}

void ReasoningSplitter::push(std::string_view piece, Deliver deliver) {
  if (state_ == State::kText && pending_.empty()) {
    if (!piece.empty()) deliver(AnswerPart::kText, piece);
    return;
  }
  pending_ += piece;
  while (!pending_.empty() && settle(deliver)) {
  }
}

void ReasoningSplitter::finish(Deliver deliver) {
  const bool inside = state_ == State::kReasoning;
  const std::string_view rest = inside ? without_trailing_spaces(pending_) : std::string_view(pending_);
  if (!rest.empty() && state_ != State::kAfter) deliver(inside ? AnswerPart::kReasoning : AnswerPart::kText, rest);
  pending_.clear();
}

bool ReasoningSplitter::settle(Deliver deliver) {
  switch (state_) {
    case State::kStart: return settle_start();
    case State::kReasoning: return settle_reasoning(deliver);
    case State::kAfter:
      pending_.erase(0, leading_spaces(pending_));
      if (!pending_.empty()) state_ = State::kText;
      return !pending_.empty();
    case State::kText:
      deliver(AnswerPart::kText, pending_);
      pending_.clear();
      return false;
  }
  return false;
}

bool ReasoningSplitter::settle_start() {
  const std::string_view word = std::string_view(pending_).substr(leading_spaces(pending_));
  if (!open_.empty() && word.starts_with(open_)) {
    pending_.erase(0, pending_.size() - word.size() + open_.size());
    state_ = State::kReasoning;
    return true;
  }
  if (word.empty() || (word.size() < open_.size() && open_.starts_with(word))) return false;
  state_ = State::kText;
  return true;
}

bool ReasoningSplitter::settle_reasoning(Deliver deliver) {
  if (!any_reasoning_) pending_.erase(0, leading_spaces(pending_));
  const std::size_t end = pending_.find(close_);
  const bool ends = end != std::string::npos;
  const std::size_t settled = ends ? end : pending_.size() - begun(pending_, close_);
  const std::string_view thought = without_trailing_spaces(std::string_view(pending_).substr(0, settled));
  any_reasoning_ = any_reasoning_ || !thought.empty();
  if (!thought.empty()) deliver(AnswerPart::kReasoning, thought);
  pending_.erase(0, ends ? end + close_.size() : thought.size());
  if (ends) state_ = State::kAfter;
  return ends;
}

}  // namespace linnet::text
