// The text of one answer on its way out: cut into numbered chunks, kept for replay.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/text/reasoning.h"

namespace linnet::daemon {

// Text goes in token by token; the first comes out as a chunk of its own, then one after kChunkTime or kChunkTokens,
// whichever is first. A chunk costs the way through the broker, on a board the decoder's own cores: about 1 ms.
class AnswerStream {
 public:
  static constexpr std::chrono::milliseconds kChunkTime{50};  // Twenty a second: more than anybody reads.
  static constexpr std::uint64_t kChunkTokens = 32;           // So that a chunk is small, however fast the model.

  // Reserves what the answer will need, so that appending a token allocates nothing.
  explicit AnswerStream(std::size_t most_tokens);

  // Adds a piece of one part. True when a chunk is due now.
  bool append(text::AnswerPart part, std::string_view text, std::uint64_t tokens, Clock::time_point now);

  // Whether the open chunk must be closed before a piece of that part: a chunk is of one part.
  [[nodiscard]] bool breaks_before(text::AnswerPart part) const {
    return part == text::AnswerPart::kText && reasoning_size_ > closed_size();
  }

  // Closes the open chunk, where it holds text. Returns whether it did.
  bool close_chunk();

  [[nodiscard]] std::uint64_t chunks() const { return ends_.size(); }
  // Words of chunk `sequence` < chunks(), and of which part they are.
  [[nodiscard]] std::string_view chunk(std::uint64_t sequence) const;
  [[nodiscard]] bool is_reasoning(std::uint64_t sequence) const {
    return ends_[static_cast<std::size_t>(sequence)] <= reasoning_size_;
  }
  [[nodiscard]] std::string_view text() const { return std::string_view(words_).substr(reasoning_size_); }
  [[nodiscard]] std::string_view reasoning() const { return std::string_view(words_).substr(0, reasoning_size_); }

 private:
  [[nodiscard]] std::size_t closed_size() const { return ends_.empty() ? 0 : ends_.back(); }

  std::string words_;               // First the reasoning, then the text.
  std::size_t reasoning_size_ = 0;  // Bytes of the former.
  std::vector<std::size_t> ends_;   // Where each closed chunk ends.
  std::uint64_t tokens_in_chunk_ = 0;
  Clock::time_point chunk_began_{};
};

}  // namespace linnet::daemon
