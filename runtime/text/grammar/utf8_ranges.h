// Ranges of code points as ranges of UTF-8 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace linnet::text {

// Sequences of `size` bytes, byte i between low[i] and high[i].
struct Utf8Range {
  std::uint8_t size = 0;
  std::array<std::uint8_t, 4> low{};
  std::array<std::uint8_t, 4> high{};
};

// The UTF-8 forms of the scalar values first .. last (surrogates are left out), appended to `out`.
void append_utf8_ranges(char32_t first, char32_t last, std::vector<Utf8Range>& out);

}  // namespace linnet::text
