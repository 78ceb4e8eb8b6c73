// Python's operators on template values.
#pragma once

#include <optional>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/ast.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;
class Workspace;

// `left symbol right`. Errors: kMalformed (what Python raises), kUnsupported (an integer beyond 64 bits, the limits).
[[nodiscard]] Result<Value> binary(Interpreter& interpreter, BinaryOperator symbol, const Value& left,
                                   const Value& right);
[[nodiscard]] Result<Value> unary(UnaryOperator symbol, const Value& operand);

[[nodiscard]] Result<bool> compare(Interpreter& interpreter, Comparison comparison, const Value& left,
                                   const Value& right);

// `needle in haystack`.
[[nodiscard]] Result<bool> contains(Interpreter& interpreter, const Value& haystack, const Value& needle);

// `left < right`, which sorting uses.
[[nodiscard]] Result<bool> less(Workspace& workspace, const Value& left, const Value& right);

// `object[start:stop:step]`; a missing bound is none.
[[nodiscard]] Result<Value> slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop,
                                  const Value& step);

// The integer that a value counts as where Python wants an index: integers and booleans.
[[nodiscard]] std::optional<std::int64_t> as_index(const Value& value);
// The float that a number counts as.
[[nodiscard]] double as_double(const Value& number);

// HTML-safe text, as markupsafe.escape: & < > ' ".
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace linnet::templates
