// Decides where each name of a template lives, with the rules of Jinja2's compiler (idtracking.py).
#pragma once

#include "runtime/base/result.h"
#include "runtime/text/template/ast.h"

namespace linnet::templates {

// Fills in the slots and scopes of `parsed`, and checks what Jinja2 checks while compiling. Errors, with the line:
// kMalformed (an unknown filter or test outside of `if`, an assignment to a loop's `loop`).
[[nodiscard]] Result<void> resolve_names(ParsedTemplate& parsed);

}  // namespace linnet::templates
