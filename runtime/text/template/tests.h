// The tests, `value is name(…)`, by name.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;

// Errors have no line: the evaluator adds it.
struct Test {
  std::string_view name;
  Result<bool> (*apply)(Interpreter& interpreter, const Value& subject, const Arguments& arguments);
};

// Null if there is no such test.
[[nodiscard]] const Test* find_test(std::string_view name);

}  // namespace linnet::templates
