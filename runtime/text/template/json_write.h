// Values as JSON text, as Python's `json.dumps` writes it.
#pragma once

#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Workspace;

struct JsonStyle {
  bool ascii = false;                 // Escape all that is not ASCII.
  std::optional<std::string> indent;  // Of one level; with one, each element has a line.
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// Errors: kMalformed for what JSON cannot hold (undefined values, namespaces), kUnsupported beyond the string limit.
[[nodiscard]] Result<std::string> write_json(Workspace& workspace, const Value& value, const JsonStyle& style);

}  // namespace linnet::templates
