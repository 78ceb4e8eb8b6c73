// The text that `%copy-words` copies from: its bytes, and where words start and end.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace linnet::text {

// Two forms of a text, as it is and escaped as inside a JSON string. A span of words starts and ends at the edge of a
// word, and neither with white space: a place is an edge unless a letter, mark, digit or underscore stands on both
// sides of it. Memory is taken once, for texts of up to `max_text` bytes.
class CopySource {
 public:
  enum Flags : std::uint8_t { kStart = 1, kEnd = 2 };

  explicit CopySource(std::size_t max_text);

  [[nodiscard]] static std::size_t bytes_for(std::size_t max_text) { return 2 * (max_text * 7 + 1) + max_text + 1; }

  // False where `text` is longer than was planned. Broken UTF-8 counts byte by byte as no part of a word.
  [[nodiscard]] bool assign(std::string_view text);

  struct Form {
    std::vector<char> bytes;
    std::vector<std::uint8_t> flags;  // [bytes + 1] What may happen before byte i.
    std::size_t last_end = 0;         // No words end after this place.
  };
  [[nodiscard]] const Form& form(bool escaped) const { return escaped ? escaped_ : raw_; }
  [[nodiscard]] bool has_words() const { return has_words_; }

 private:
  std::size_t max_text_;
  Form raw_;
  Form escaped_;
  bool has_words_ = false;
};

}  // namespace linnet::text
