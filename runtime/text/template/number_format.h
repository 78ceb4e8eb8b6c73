// Numbers and strings into fields: what printf-style and brace-style formats share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::templates {

class Workspace;

// Python's format specification: [[fill]align][sign][#][0][width][grouping][.precision][type].
struct FormatSpec {
  std::string fill = " ";  // One character.
  char align = 0;          // < > ^ = or 0 for the type's own.
  char sign = '-';
  bool alternate = false;
  std::size_t width = 0;
  char grouping = 0;  // , or _ or 0.
  std::optional<std::size_t> precision;
  char type = 0;
};

inline constexpr std::size_t kMostPrecision = 400;  // Beyond it a double has only zeros to show.

// Each pads to the width; kUnsupported beyond the string limit, kMalformed for a type that does not fit the value.
[[nodiscard]] Result<std::string> format_integer(const Workspace& workspace, std::int64_t value,
                                                 const FormatSpec& spec);
[[nodiscard]] Result<std::string> format_float(const Workspace& workspace, double value, const FormatSpec& spec);
[[nodiscard]] Result<std::string> format_text(const Workspace& workspace, std::string_view text,
                                              const FormatSpec& spec);

}  // namespace linnet::templates
