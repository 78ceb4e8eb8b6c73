// The text of one answer on its way out: cut into numbered chunks, kept for replay.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace linnet::daemon {

// Text goes in token by token; a chunk comes out after `chunk_time` or `chunk_tokens`, whichever is first.
class AnswerStream {
 public:
  static constexpr std::chrono::milliseconds kChunkTime{40};
  static constexpr std::uint64_t kChunkTokens = 8;

  // Reserves what the answer will need, so that appending a token allocates nothing.
  explicit AnswerStream(std::size_t most_tokens);

  // Adds a piece of text. True when a chunk is due now.
  bool append(std::string_view text, std::uint64_t tokens, Clock::time_point now);

  // Closes the open chunk, where it holds text. Returns whether it did.
  bool close_chunk();

  [[nodiscard]] std::uint64_t chunks() const { return ends_.size(); }
  // Text of chunk `sequence` < chunks().
  [[nodiscard]] std::string_view chunk(std::uint64_t sequence) const;
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;  // Where each closed chunk ends.
  std::uint64_t tokens_in_chunk_ = 0;
  Clock::time_point chunk_began_{};
};

}  // namespace linnet::daemon
