// `format.format(…)`, as Python formats.
#pragma once

#include "runtime/base/result.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;

// Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<Value> brace_format(Interpreter& interpreter, const Value& format, const Arguments& arguments);

}  // namespace linnet::templates
