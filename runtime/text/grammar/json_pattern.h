// A JSON Schema `pattern` as grammar text. Private to runtime/text/grammar.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::text {

// The content of a JSON string (without its quotes) whose characters match `pattern`: the regular part of ECMA-262's
// expressions, in which JSON Schema writes patterns. What ECMA-262 and Python's `re` disagree about (\d, \w, \s beyond
// ASCII) is generated in the part that both take. Without ^ and $ anything may stand around it.
// Errors: kUnsupported (look-around, back-references, anchors inside), kMalformed; with the place in the pattern.
[[nodiscard]] Result<std::string> grammar_of_pattern(std::string_view pattern);

}  // namespace linnet::text
