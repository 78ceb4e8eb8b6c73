// Classes and cases of characters, as Python's `str` methods see them.
#pragma once

#include <string>
#include <string_view>

namespace linnet::templates {

[[nodiscard]] bool is_printable(char32_t c);  // repr writes it as it is.
[[nodiscard]] bool is_alphabetic(char32_t c);
[[nodiscard]] bool is_decimal(char32_t c);
[[nodiscard]] bool is_digit(char32_t c);
[[nodiscard]] bool is_numeric(char32_t c);
[[nodiscard]] bool is_upper(char32_t c);
[[nodiscard]] bool is_lower(char32_t c);
[[nodiscard]] bool is_title(char32_t c);
[[nodiscard]] bool is_word(char32_t c);  // `\w` of Python's re.
[[nodiscard]] bool is_identifier_start(char32_t c);
[[nodiscard]] bool is_identifier_part(char32_t c);

// str.isupper and str.islower: at least one cased character, and none of another case.
[[nodiscard]] bool is_upper_text(std::string_view text);
[[nodiscard]] bool is_lower_text(std::string_view text);

// Full case mappings: one character may become up to three.
[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_title(std::string_view text);  // str.title.
[[nodiscard]] std::string to_capitalized(std::string_view text);
[[nodiscard]] std::string to_swapped_case(std::string_view text);

}  // namespace linnet::templates
