// Text to numbers, as Python's int() and float() read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/result.h"

namespace linnet::templates {

// int(text, base): nothing where Python raises ValueError. Errors: kUnsupported beyond 64 bits.
[[nodiscard]] Result<std::optional<std::int64_t>> parse_integer(std::string_view text, std::int64_t base);

// float(text): nothing where Python raises ValueError.
[[nodiscard]] std::optional<double> parse_float(std::string_view text);

}  // namespace linnet::templates
