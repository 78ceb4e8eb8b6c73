// The methods of `str`.
#pragma once

#include <span>

#include "runtime/text/template/methods.h"

namespace linnet::templates {

// Sorted by name.
[[nodiscard]] std::span<const Method> string_methods();

}  // namespace linnet::templates
