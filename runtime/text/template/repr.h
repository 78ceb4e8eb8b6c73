// Values as text, as Python's `str` and `repr` write them.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Workspace;

// A string between quotes, with Python's choice of quotes and escapes.
[[nodiscard]] std::string quoted(std::string_view text);

// The shortest digits that read back as `value`: "1.0", "1e+16", "nan".
[[nodiscard]] std::string float_repr(double value);

// Appends repr(value). Errors: kUnsupported beyond the string limit, or for what prints as an address in Python.
[[nodiscard]] Result<void> append_repr(Workspace& workspace, std::string& text, const Value& value);

// str(value): strings as they are, undefined as nothing, the rest as repr.
[[nodiscard]] Result<void> append_str(Workspace& workspace, std::string& text, const Value& value);
[[nodiscard]] Result<std::string> to_str(Workspace& workspace, const Value& value);

// str(value) as a value, without a copy where it is one already; `keep_markup` is markupsafe's soft_str.
enum class Markup : bool { kDrop, kKeep };
[[nodiscard]] Result<Value> to_str_value(Workspace& workspace, const Value& value, Markup markup = Markup::kDrop);

// Python's name of the value's type: "str", "dict".
[[nodiscard]] const char* type_name_of(const Value& value);

}  // namespace linnet::templates
