// The alphabet of byte-level BPE: every byte as one printable character, so that vocabularies can be stored as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linnet::text {

// The character that stands for `byte`: itself where it is printable in Latin-1, else U+0100 and up in order
// (GPT-2's `bytes_to_unicode`).
[[nodiscard]] char32_t byte_level_character(std::uint8_t byte);

// Appends the bytes that `text` stands for; false, with `out` as it was, where a character stands for none.
bool append_byte_level(std::string_view text, std::string& out);

}  // namespace linnet::text
