// The integer that names one entry of a vocabulary.
#pragma once

#include <cstdint>

namespace linnet::text {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

// What a vocabulary says about an entry; the numbers are those of `tokenizer.ggml.token_type`.
enum class TokenType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // Steers the model (`<|im_end|>`); text yields it only where special tokens are parsed.
  kUserDefined = 4,  // Matched in text before anything else.
  kUnused = 5,
  kByte = 6,  // `<0x0A>`: one byte that no other entry covers.
};

}  // namespace linnet::text
