// Searching, splitting and stripping of text: the work behind string methods and filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::templates {

enum class Side : std::uint8_t { kLeft, kRight, kBoth };

// Without the characters of `characters` at its ends.
[[nodiscard]] std::string_view strip(std::string_view text, std::string_view characters, Side side);
// Without white space at its ends.
[[nodiscard]] std::string_view strip_space(std::string_view text, Side side);

inline constexpr std::size_t kNoLimit = SIZE_MAX;

// Pieces between `separator` (not empty), at most `most` cuts from the left or the right.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, std::string_view separator, std::size_t most);
[[nodiscard]] std::vector<std::string_view> split_right(std::string_view text, std::string_view separator,
                                                        std::size_t most);
// Words between runs of white space.
[[nodiscard]] std::vector<std::string_view> split_space(std::string_view text, std::size_t most);
[[nodiscard]] std::vector<std::string_view> split_space_right(std::string_view text, std::size_t most);

// Lines as str.splitlines cuts them: at \n, \r\n, \r, \v, \f, \x1c to \x1e, U+0085, U+2028, U+2029.
enum class LineEnds : bool { kDrop, kKeep };
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text, LineEnds ends = LineEnds::kDrop);

// How often `part` occurs without overlap; an empty one occurs around every character.
[[nodiscard]] std::size_t count_occurrences(std::string_view text, std::string_view part);

// The size of replace(text, from, to, most), to be asked first; saturates.
[[nodiscard]] std::size_t replaced_size(std::string_view text, std::string_view from, std::string_view to,
                                        std::size_t most);
[[nodiscard]] std::string replace(std::string_view text, std::string_view from, std::string_view to, std::size_t most);

}  // namespace linnet::templates
