// What makes a well-written grammar unusable: found before anything is compiled.
#pragma once

#include "runtime/base/result.h"
#include "runtime/text/grammar/syntax.h"

namespace linnet::text {

// Errors: kMalformed with the place: a rule that root never reaches, one that starts with itself before taking
// anything, one that can never end.
[[nodiscard]] Result<void> check_grammar(const Syntax& syntax);

}  // namespace linnet::text
