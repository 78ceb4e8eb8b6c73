// Grammar text for characters as they stand inside a JSON string. Private to runtime/text/grammar.
#pragma once

#include <string>
#include <string_view>

#include "runtime/text/grammar/ranges.h"

namespace linnet::text {

// A literal of the grammar that stands for exactly `text` (valid UTF-8).
[[nodiscard]] std::string grammar_literal(std::string_view text);

// An expression for one character of `ranges` (tidied, not empty) inside a JSON string: itself, or escaped where JSON
// needs it. Empty where the ranges hold surrogates only.
[[nodiscard]] std::string json_character(const CharacterRanges& ranges);

}  // namespace linnet::text
