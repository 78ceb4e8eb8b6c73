// Token ids to text while they come: whole characters only.
#pragma once

#include <string>
#include <string_view>

#include "runtime/text/tokenizer.h"

namespace linnet::text {

// How the decoded text begins: as a text of its own, or going on from one that is already there.
enum class Beginning { kText, kContinuation };

// Makes its buffer once; then push() allocates nothing. One stream at a time.
class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer);

  // Forgets what was pending. A SentencePiece text starts with a space that nobody wrote: kText takes it off.
  void reset(Beginning beginning = Beginning::kText);

  // The text that `token` completes, valid until the next call: empty for control tokens and while a character is
  // incomplete. Bytes that cannot become a character any more come out as U+FFFD.
  [[nodiscard]] std::string_view push(TokenId token);

  // What is left at the end: U+FFFD where a character was never completed.
  [[nodiscard]] std::string_view finish();

 private:
  [[nodiscard]] std::string_view take(bool all);

  const Tokenizer& tokenizer_;
  std::string pending_;  // An incomplete character, then the bytes of the new token.
  std::string text_;     // What take() gives out.
  bool at_start_ = true;
};

}  // namespace linnet::text
