#include "runtime/daemon/stream.h"

#include <algorithm>

namespace linnet::daemon {
namespace {

constexpr std::size_t kBytesPerToken = 8;  // English is about 4; longer answers grow the buffer once or twice.
constexpr std::size_t kMostReserved = 1U << 20;

}  // namespace

AnswerStream::AnswerStream(std::size_t most_tokens) {
  words_.reserve(std::min(most_tokens * kBytesPerToken, kMostReserved));
  ends_.reserve(std::min(most_tokens + 1, kMostReserved / sizeof(std::size_t)));
}

bool AnswerStream::append(text::AnswerPart part, std::string_view text, std::uint64_t tokens, Clock::time_point now) {
  const std::size_t start = closed_size();
  if (words_.size() == start) chunk_began_ = now;
  words_.append(text);
  if (part == text::AnswerPart::kReasoning) reasoning_size_ = words_.size();
  tokens_in_chunk_ += tokens;
  if (words_.size() == start) return false;  // Half a character so far.
  // The first words go out as they come: somebody waits for them.
  return ends_.empty() || tokens_in_chunk_ >= kChunkTokens || now - chunk_began_ >= kChunkTime;
}

bool AnswerStream::close_chunk() {
  if (words_.size() == closed_size()) return false;
  ends_.push_back(words_.size());
  tokens_in_chunk_ = 0;
  return true;
}

std::string_view AnswerStream::chunk(std::uint64_t sequence) const {
  const auto index = static_cast<std::size_t>(sequence);
  const std::size_t start = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(words_).substr(start, ends_[index] - start);
}

}  // namespace linnet::daemon
