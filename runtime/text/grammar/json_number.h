// Numbers between bounds as grammar text. Private to runtime/text/grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace linnet::text {

struct IntegerBounds {
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> most;  // Not below `least`.
};

// Integers between the bounds, without leading zeros; no "-0".
[[nodiscard]] std::string grammar_of_integers(IntegerBounds bounds);

// Numbers between the bounds: an integer part and perhaps a fraction, no exponent. `above` and `below` say that the
// bound itself is excluded. Without bounds any JSON number of up to 15 digits before and after the point.
[[nodiscard]] std::string grammar_of_numbers(IntegerBounds bounds, bool above, bool below);

}  // namespace linnet::text
