// Python's sorted(): stable, with comparisons that may fail.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/text/template/value.h"

namespace linnet::templates {

class Workspace;

// The indices of `keys` in ascending order. Errors: kMalformed where two keys have no order.
[[nodiscard]] Result<std::vector<std::size_t>> sorted_order(Workspace& workspace, const std::vector<Value>& keys);

// The same in descending order; equal keys keep their order.
[[nodiscard]] Result<std::vector<std::size_t>> sorted_order_reversed(Workspace& workspace,
                                                                     const std::vector<Value>& keys);

}  // namespace linnet::templates
