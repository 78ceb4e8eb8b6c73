// The functions that every template may call, by name.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/text/template/objects.h"

namespace linnet::templates {

// range, dict, namespace, cycler, joiner, lipsum, raise_exception, strftime_now; null for any other name.
[[nodiscard]] Callable::Function find_global(std::string_view name);

}  // namespace linnet::templates
