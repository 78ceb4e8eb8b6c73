// Sets of characters as ranges of code points.
#pragma once

#include <utility>
#include <vector>

namespace linnet::text {

using CharacterRanges = std::vector<std::pair<char32_t, char32_t>>;

inline constexpr char32_t kLastCharacter = 0x10FFFF;

// Ascending and apart.
[[nodiscard]] CharacterRanges tidied_ranges(CharacterRanges ranges);

// Everything else up to `last`, of ranges that are tidied.
[[nodiscard]] CharacterRanges inverted_ranges(const CharacterRanges& ranges, char32_t last = kLastCharacter);

}  // namespace linnet::text
