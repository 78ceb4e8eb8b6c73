// The command line of `linnet ctl`, read.
#pragma once

#include <variant>

#include "runtime/base/result.h"
#include "runtime/cli/options.h"

namespace linnet::cli::ctl {

// `values[0]` is "ctl". Errors: kUsage. `--help` is ShowText.
[[nodiscard]] Result<Command> parse_arguments(int count, const char* const* values);

}  // namespace linnet::cli::ctl
