// The filters, `value | name(…)`, by name.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/text/template/objects.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;

// Errors have no line: the evaluator adds it.
struct Filter {
  std::string_view name;
  Result<Value> (*apply)(Interpreter& interpreter, const Value& subject, const Arguments& arguments);
};

// Null if Jinja2 has no such filter. Those that it has and chat templates have no use for are here as refusals.
[[nodiscard]] const Filter* find_filter(std::string_view name);

// Whether `name` is a filter of Jinja2 that is refused here.
[[nodiscard]] bool is_refused_filter(std::string_view name);

}  // namespace linnet::templates
