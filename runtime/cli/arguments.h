// The command line, read: CLI11 stays behind this door.
#pragma once

#include "runtime/base/result.h"
#include "runtime/cli/options.h"

namespace linnet::cli {

// Errors: kUsage, with the line that says what to change. `--help` and `--version` are ShowText.
[[nodiscard]] Result<Command> parse_arguments(int count, const char* const* values);

}  // namespace linnet::cli
