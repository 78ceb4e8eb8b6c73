// UTF-8 that may be broken: read one code point, validate, write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace linnet::text {

inline constexpr char32_t kReplacement = 0xFFFD;

enum class Utf8State : std::uint8_t {
  kValid,
  kInvalid,     // No continuation can make it valid.
  kIncomplete,  // The text ends inside a sequence that is valid so far.
};

struct CodePoint {
  char32_t value = kReplacement;  // U+FFFD unless the state is kValid.
  std::uint8_t size = 0;          // Bytes that it takes: 1 to 4; for a broken one its maximal subpart.
  Utf8State state = Utf8State::kIncomplete;
};

// The code point at the start of `text`, which is not empty. Broken sequences are cut as the Unicode standard
// recommends (3.9, "U+FFFD Substitution of Maximal Subparts"), the same as Python's `errors="replace"`.
[[nodiscard]] CodePoint read_code_point(std::string_view text);

// How many bytes at the start of `text` are well-formed UTF-8.
[[nodiscard]] std::size_t valid_prefix(std::string_view text);

// Writes `value` (a Unicode scalar value) to `out`, which has room for 4 bytes; returns how many it took.
std::size_t write_code_point(char32_t value, char* out);

}  // namespace linnet::text
