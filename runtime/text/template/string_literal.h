// The content of a string literal in a template.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::templates {

// Resolves escapes as Jinja2 does, which is Python's `unicode-escape` codec: unknown ones stay as they are.
// Errors, without a line: kMalformed (a truncated escape), kUnsupported (\N{name}, a lone surrogate).
[[nodiscard]] Result<std::string> unescape(std::string_view body);

}  // namespace linnet::templates
