// `format % values`, as Python formats.
#pragma once

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;

// `values` is a tuple, a dict for `%(name)s`, or the only value. Errors: kMalformed, kUnsupported.
[[nodiscard]] Result<Value> printf_format(Interpreter& interpreter, const Value& format, const Value& values);

}  // namespace linnet::templates
