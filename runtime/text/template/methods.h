// The methods of strings, lists, tuples and dictionaries.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

struct Method {
  std::string_view name;
  Callable::Function function;
};

// The method of that kind of value, if it is one that templates may call; null otherwise.
[[nodiscard]] const Method* lookup_method(const Value& object, std::string_view name);

// `object.name` for plain values: a bound method; an unsafe undefined value where the sandbox forbids the method
// (append, update …); nothing where Python has no such attribute. Errors: kUnsupported, for one that only Python has.
[[nodiscard]] Result<std::optional<Value>> find_method(Interpreter& interpreter, const Value& object,
                                                       const Value& name);

}  // namespace linnet::templates
