// `attribute="a.b.0"` of filters: a path through dictionaries and lists.
#pragma once

#include <optional>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Interpreter;

enum class Case : bool { kIgnore, kSensitive };

// Strings in lower case for Case::kIgnore; the rest as it is.
[[nodiscard]] Result<Value> fold(Interpreter& interpreter, const Value& value, Case mode);

class AttributePath {
 public:
  // `attribute` is a dotted string, an integer, or absent (the element itself).
  [[nodiscard]] static Result<AttributePath> parse(Interpreter& interpreter, const std::optional<Value>& attribute);

  // What lies at the path in `element`; where a step is undefined, `otherwise` if it is there.
  [[nodiscard]] Result<Value> follow(Interpreter& interpreter, Value element,
                                     const std::optional<Value>& otherwise = {}) const;

 private:
  std::vector<Value> parts_;
};

}  // namespace linnet::templates
