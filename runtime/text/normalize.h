// Unicode normalisation as tokenizers want it, in borrowed memory and linear time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::text {

// `text` (valid UTF-8) in normal form C: itself where it is already, else written to `out`. `scratch` is 8-byte aligned
// and has 16 bytes for each byte of text. Errors: kExhausted (the normal form is longer than `out`).
[[nodiscard]] Result<std::string_view> to_nfc(std::string_view text, std::span<char> out, std::span<std::byte> scratch);

// The canonical decomposition of `text` (valid UTF-8), marks in canonical order, in `scratch` as above.
[[nodiscard]] std::span<std::int32_t> to_nfd(std::string_view text, std::span<std::byte> scratch);

}  // namespace linnet::text
