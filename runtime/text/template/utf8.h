// UTF-8 text as Python sees it: a sequence of code points.
//
// Bytes that are not UTF-8 count as one code point each and are never changed, so that every function here is total.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace linnet::templates {

// Bytes of the code point that starts at `position`, which lies inside `text`.
[[nodiscard]] std::size_t code_point_size(std::string_view text, std::size_t position);

// The code point at `position`, which advances past it. A byte that is not UTF-8 gives U+FFFD.
[[nodiscard]] char32_t next_code_point(std::string_view text, std::size_t& position);

// The code point that ends at `end`, which moves back to its start. `end` is not 0.
[[nodiscard]] char32_t previous_code_point(std::string_view text, std::size_t& end);

void append_code_point(std::string& text, char32_t code_point);

[[nodiscard]] std::size_t count_code_points(std::string_view text);

// The byte at which code point `index` starts; the size of the text for any index beyond it.
[[nodiscard]] std::size_t byte_offset(std::string_view text, std::size_t index);

[[nodiscard]] bool is_utf8(std::string_view text);

// Python's str.isspace of one character.
[[nodiscard]] bool is_space(char32_t code_point);

// `text` without white space at its start or end.
[[nodiscard]] std::string_view strip_left(std::string_view text);
[[nodiscard]] std::string_view strip_right(std::string_view text);

}  // namespace linnet::templates
