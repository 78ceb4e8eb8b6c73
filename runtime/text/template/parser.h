// Tokens to the syntax tree, by Jinja2's grammar.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/ast.h"
#include "runtime/text/template/limits.h"

namespace linnet::templates {

// Names are not resolved yet. Errors, with line and construct: kMalformed, kUnsupported (a tag that chat templates do
// not use, or beyond the limits).
[[nodiscard]] Result<ParsedTemplate> parse_template(std::string_view text, const Limits& limits);

}  // namespace linnet::templates
