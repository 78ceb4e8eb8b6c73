// Where the reference implementations' tables of Unicode are of another version than our libraries'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace linnet::text {

// `text` (valid UTF-8) with every character that the reference's expressions know and PCRE2 may not know yet replaced
// by an older one of the same category and length, so that both cut alike. Gives `text` itself where there is none,
// else a text in `out`, which has room for as many bytes.
[[nodiscard]] std::string_view with_stand_ins(std::string_view text, std::span<char> out);

// The classes of BERT's reference, as far as they differ from utf8proc's.
[[nodiscard]] bool is_bert_mark(std::int32_t point);         // Taken off with accents.
[[nodiscard]] bool is_bert_dropped(std::int32_t point);      // Control and format characters, but not \t \n \r.
[[nodiscard]] bool is_bert_punctuation(std::int32_t point);  // Not ASCII.

}  // namespace linnet::text
