// JSON text to template values: the seam between files or messages and a template's context.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

// Reads one JSON document as Python's `json.loads` does: objects keep their order, the last of equal keys wins.
// Errors: kMalformed with the byte; kUnsupported for nesting beyond `depth` and numbers beyond 64 bits.
[[nodiscard]] Result<Value> parse_json(std::string_view text, std::size_t depth = 64);

}  // namespace linnet::templates
