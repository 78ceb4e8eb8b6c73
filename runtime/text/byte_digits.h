// Numbers as Falcon's tokenizer cuts them: looked for after text has become bytes.
#pragma once

#include <string_view>

#include "runtime/base/function_ref.h"

namespace linnet::text {

// Calls `word` with the pieces of `text` in order; together they are the text. Runs of number bytes are apart from the
// rest, and each three ASCII digits in them are a piece. A number byte is a digit, or one that GPT-2's alphabet of
// bytes writes as a number (0xB2 as ², 0xBC as ¼ …): the reference (`Digits` and `Split` behind `ByteLevel` in Falcon's
// tokenizer.json) sees that alphabet, so it cuts characters in two. `word` returns false to stop, and so does this.
[[nodiscard]] bool cut_byte_digits(std::string_view text, FunctionRef<bool(std::string_view)> word);

}  // namespace linnet::text
